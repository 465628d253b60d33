"""The table of broken inputs: what stands in the file, the command that meets it, and what it must say."""
# ruff: noqa: E501 - one case a line

import gzip
import json
from dataclasses import dataclass, field

from tests.cli.files import (
    ARFF,
    CANDIDATES,
    GOOD,
    HEADER,
    RECORDS,
    ROWS,
    as_lines,
    record,
)

FIT = "fit --data cdrugred:train.jsonl --out out --model prior"
OWN = "fit --data jsonl:own.jsonl --out out --base logistic --set cv=2"
TALK = "fit --data dialmed:talk --out out --model prior"
ARFF_FIT = "fit --data arff:d.arff --out out --set cv=2"
PREDICT = "predict --model model --data cdrugred:train.jsonl --out out"
SCORE = "score --truth cdrugred:train.jsonl --pred pred.json"
DESCRIBE = "data describe cdrugred:train.jsonl"


@dataclass
class Broken:
    """One broken input: the file that replaces a good one, the command that meets it, and what it must say."""

    name: str
    command: str
    says: str
    files: dict[str, bytes] = field(default_factory=dict)


def second(**changes: object) -> bytes:
    """A training file whose second line is changed."""
    return as_lines(RECORDS[0], record(1, **changes), *RECORDS[2:])


def second_raw(line: bytes) -> bytes:
    return as_lines(RECORDS[0]) + line + b"\n" + as_lines(*RECORDS[2:])


def train(name: str, says: str, content: bytes, command: str = FIT) -> Broken:
    return Broken(name, command, says, {"train.jsonl": content})


def submission(name: str, says: str, value: object, command: str = SCORE) -> Broken:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Broken(name, command, says, {"pred.json": content})


def own(name: str, says: str, *rows: object) -> Broken:
    return Broken(name, OWN, says, {"own.jsonl": as_lines(*rows)})


def arff(name: str, says: str, text: str, xml: str | None = None) -> Broken:
    files = {"d.arff": text.encode()} | ({} if xml is None else {"d.xml": xml.encode()})
    return Broken(name, ARFF_FIT, says, files)


def table(name: str, says: str, content: str | bytes, file: str = "ddi.csv") -> Broken:
    content = content.encode() if isinstance(content, str) else content
    return Broken(name, f"{FIT} --ddi {file}", says, {file: content})


ENTRY = {"ID": "0-0", "prediction": [CANDIDATES[0]]}

RECORD_CASES = [
    train("truncated JSON", r"train\.jsonl:12: is not JSON .*cut off", GOOD["train.jsonl"].rpartition(b",")[0]),
    train("truncated within a character", r"train\.jsonl:12: ends within a character.*cut off", GOOD["train.jsonl"][:-40]),
    train("no JSON", r"train\.jsonl:2: is not JSON", second_raw(b"hello")),
    train("an array as record", r"train\.jsonl:2: holds list, not an object", second_raw(b"[1, 2]")),
    train("JSON and more behind it", r"train\.jsonl:2: is not JSON \(Extra data", second_raw(b"{} {}")),
    train("text is a number", r"train\.jsonl:2: field '现病史' must be text; got int 5", second(现病史=5)),
    train("text is an object", r"train\.jsonl:2: field '主诉' must be text; got dict", second(主诉={"a": 1})),
    train("list in a list as text", r"train\.jsonl:2: field '主诉' must be text; got list", second(主诉=[["a"]])),
    train("BMI is a word", r"train\.jsonl:2: field 'BMI' must be a number; got '胖'", second(BMI="胖")),
    train("BMI is true", r"train\.jsonl:2: field 'BMI' must be a number; got bool", second(BMI=True)),
    train("BMI is 1e999", r"train\.jsonl:2: number '1e999' is too large", second_raw(b'{"BMI": 1e999}')),
    train("BMI is '1e999'", r"train\.jsonl:2: field 'BMI' must be a finite number", second(BMI="1e999")),
    train("BMI of 400 digits", r"train\.jsonl:2: field 'BMI' must be a number", second(BMI=10**400)),
    train("BMI of 5,000 digits", r"train\.jsonl:2: holds a value that", second_raw(b'{"BMI": ' + b"1" * 5000 + b"}")),
    train("NaN", r"train\.jsonl:2: NaN is not JSON; write null", second_raw(b'{"BMI": NaN}')),
    train("Infinity", r"train\.jsonl:2: -Infinity is not JSON", second_raw(b'{"BMI": -Infinity}')),
    train("date is a word", r"train\.jsonl:2: field '出生日期' must be a date such as 2015-03", second(出生日期="春天")),
    train("month 13", r"train\.jsonl:2: field '就诊时间' must be a date", second(就诊时间="2015-13")),
    train("sex is a list", r"train\.jsonl:2: field '性别' must be one value; got list", second(性别=["男"])),
    train("diagnoses are an object", r"train\.jsonl:2: field '出院诊断' must be a list", second(出院诊断={"a": 1})),
    train("a diagnosis is a list", r"train\.jsonl:2: field '出院诊断' must be a list of texts", second(出院诊断=[["a"]])),
    train("drugs are a number", r"train\.jsonl:2: field '出院带药列表' must be a list of drug", second(出院带药列表=7)),
    train("a drug is a number", r"train\.jsonl:2: field '出院带药列表' must be a list of drug", second(出院带药列表=[7])),
    train("no candidate", r"train\.jsonl:2: .*names '砒霜', which is no candidate; .*", second(出院带药列表=["砒霜"])),
    train("drugs do not divide", r"train\.jsonl:2: .*does not divide into cand", second(出院带药列表="砒霜、鹤顶红")),
    train("repeated visit", r"train\.jsonl:2: visit '0-0' .* line 1 already", second(就诊标识="0-0")),
    train("patient is missing", r"train\.jsonl:2: field '患者序号' is missing", second(患者序号=None)),
    train("patient is half", r"train\.jsonl:2: field '患者序号' must be a whole", second(患者序号=1.5)),
    train("visit is a list", r"train\.jsonl:2: field '就诊标识' must be a whole", second(就诊标识=[1])),
    train("empty record", r"train\.jsonl:2: record has neither text nor diagnoses", second_raw(b"{}")),
    train("empty file", r"train\.jsonl:1: holds no records", b""),
    train("only blank lines", r"train\.jsonl:1: holds no records", b"\n \n\n"),
    train("byte-order mark", r"train\.jsonl:1: begins with a byte-order mark", b"\xef\xbb\xbf" + GOOD["train.jsonl"]),
    train("UTF-16", r"train\.jsonl:1: is UTF-16; convert it", GOOD["train.jsonl"].decode().encode("utf-16")),
    train("UTF-16 unmarked", r"train\.jsonl:1: holds NUL bytes", GOOD["train.jsonl"].decode().encode("utf-16-le")),
    train("GB18030", r"train\.jsonl:1: is not UTF-8 .*GB18030", GOOD["train.jsonl"].decode().encode("gb18030")),
    train("a stray byte", r"train\.jsonl:2: is not UTF-8 \(byte 3\)", second_raw(b'{"\xff": 1}')),
    train("a 10 MB line", r"train\.jsonl:2: line is longer than 8 MiB", second_raw(b'{"a": "' + b"x" * 10**7 + b'"}')),
    train("a 7 MB value", r"train\.jsonl:2: field 'BMI' must be a number; got 'xx.{0,60}xx'$", second(BMI="x" * 7 * 10**6)),
    train("a key twice", r"train\.jsonl:2: field 'BMI' stands twice", second_raw(b'{"BMI": 1, "BMI": 2}')),
    train("deep brackets", r"train\.jsonl:2: is nested too deeply", second_raw(b"[" * 10**5 + b"]" * 10**5)),
    train("deep value", r"train\.jsonl:2: ", second_raw(b'{"\xe4\xb8\xbb\xe8\xaf\x89":' + b"[" * 900 + b"]" * 900 + b"}")),
    train("half a character", r"train\.jsonl:2: holds half a character", second_raw(rb'{"\u4e3b\u8bc9": "\ud800"}')),
    train("half a character as key", r"train\.jsonl:2: holds half a character", second_raw(rb'{"\udc00": 1}')),
    train("no drugs at all", r"train\.jsonl: no record has drugs", as_lines(record(0, 出院带药列表=[]))),
    train("truth without drugs", r"train\.jsonl: no record has drugs", as_lines(record(0, 出院带药列表=[])), SCORE),
    train("one patient in folds", r"train\.jsonl: folds need .* two patients", as_lines(record(0)), FIT.replace("fit", "evaluate")),
    Broken("no such file", "fit --data cdrugred:nowhere.jsonl --out out", r"nowhere\.jsonl: cannot be read \(No such"),
    Broken("a folder as file", "data describe jsonl:talk", r"talk: is a folder; name the file in it"),
    Broken("cut-off gzip", "data describe jsonl:a.jsonl.gz", r"a\.jsonl\.gz:\d: cannot be unpacked", {"a.jsonl.gz": gzip.compress(GOOD["own.jsonl"])[:-15]}),
    Broken("no gzip", "data describe jsonl:a.jsonl.gz", r"a\.jsonl\.gz:1: cannot be unpacked", {"a.jsonl.gz": b"hello"}),
    Broken("candidates are an object", DESCRIBE, r"候选药物列表\.json:1: must be a flat JSON array", {"候选药物列表.json": b"{}"}),
    Broken("candidates repeat", DESCRIBE, r"候选药物列表\.json: item 2: 'a' stands twice", {"候选药物列表.json": b'["a", "a"]'}),
    Broken("a candidate is blank", DESCRIBE, r"候选药物列表\.json: item 2 is ' '; every", {"候选药物列表.json": b'["a", " "]'}),
    Broken("no candidates", DESCRIBE, r"候选药物列表\.json: holds no names", {"候选药物列表.json": b"[]"}),
    Broken("candidates are empty", DESCRIBE, r"候选药物列表\.json:1: is empty", {"候选药物列表.json": b""}),
    Broken("candidates in GB18030", DESCRIBE, r"候选药物列表\.json:2: is not UTF-8", {"候选药物列表.json": "[\n\"华法林钠片\"]".encode("gb18030")}),
    Broken("unknown format", "fit --data mimic3:x --out out", r"mimic3:x: write FORMAT:PATH, where FORMAT is one of"),
    Broken("no format", "fit --data train.jsonl --out out", r"train\.jsonl: write FORMAT:PATH"),
    Broken("unknown synthetic option", "data describe synthetic:rows=5", r"synthetic:rows=5: write synthetic:records=2000"),
    Broken("synthetic with a word", "data describe synthetic:records=many", r"synthetic:records=many: write synthetic:"),
    Broken("no synthetic records", "data describe synthetic:records=0", r"synthetic:records=0: records must be at least 1"),
    Broken("synthetic with ²", "data describe synthetic:seed=²", r"synthetic:seed=²: write synthetic:records"),
    Broken("too few to split", "data make --out made --records 1", r"at least 3 patients|Make more records"),
]  # fmt: skip

OWN_CASES = [
    own("no header", r'own\.jsonl:1: header must be the first line and hold "medrec": 1', *ROWS),
    own("only a header", r"own\.jsonl:1: holds a header but no records", HEADER),
    own("header of another version", r"own\.jsonl:1: header must be the first line", HEADER | {"medrec": 2}, *ROWS),
    own("unknown header field", r"own\.jsonl:1: header has an unknown field 'x'", HEADER | {"x": 1}, *ROWS),
    own("unknown kind", r"own\.jsonl:1: header gives 'note' the kind 'prose'; kinds are text", HEADER | {"schema": {"note": "prose"}}),
    own("reserved column", r"own\.jsonl:1: header names a column 'id'", HEADER | {"schema": {"id": "text"}}),
    own("drugs twice in the header", r"own\.jsonl:1: header names a drug twice", HEADER | {"drugs": ["a", "a"]}),
    own("interactions are words", r"own\.jsonl:1: header must give \"ddi\" as a list", HEADER | {"ddi": ["a b"]}, *ROWS),
    own("aliases are words", r"own\.jsonl:1: header must give \"aliases\" as a list", HEADER | {"aliases": {"a": "b"}}, *ROWS),
    own("aliases of no drug", r"own\.jsonl:1: header gives aliases of 'x', which is not in", HEADER | {"aliases": {"x": ["b"]}}, *ROWS),
    own("severity is a number", r"own\.jsonl:1: header must give \"ddi\" as", HEADER | {"ddi": [["a", "b", 3]]}, *ROWS),
    own("unknown severity", r"own\.jsonl: .*severity must be one of", HEADER | {"ddi": [["a", "b", "bad"]]}, *ROWS),
    own("unknown field", r"own\.jsonl:3: field 'sex' is not in the header's schema; add it", HEADER, ROWS[0], {"sex": "m"}),
    own("repeated id", r"own\.jsonl:3: id '0' stands at line 2 already", HEADER, ROWS[0], ROWS[0]),
    own("id is a list", r"own\.jsonl:2: field 'id' must be a number or text", HEADER, ROWS[0] | {"id": []}),
    own("empty record", r"own\.jsonl:2: record is empty", HEADER, {}),
    own("drug outside the header", r"own\.jsonl:2: field 'drugs' names 'c', which is no candidate", HEADER, ROWS[0] | {"drugs": ["c"]}),
    Broken("empty file of our own", OWN, r"own\.jsonl:1: is empty", {"own.jsonl": b""}),
]  # fmt: skip

TALK_CASES = [
    Broken("no labels", TALK, r"label\.json: cannot be read", {"talk/label.json": None}),
    Broken("labels of mixed types", TALK, r"label\.json:1: must map each drug to its number", {"talk/label.json": b'{"a": 0, "b": "1"}'}),
    Broken("labels with a gap", TALK, r"label\.json:1: must map each drug", {"talk/label.json": b'{"a": 0, "b": 2}'}),
    Broken("labels are a list", TALK, r"label\.json:1: must map each drug", {"talk/label.json": b'["a"]'}),
    Broken("a blank label", TALK, r"label\.json:1: must name at least one", {"talk/label.json": b'{"": 0}'}),
    Broken("interactions with a number", TALK, r"ddi\.json:1: must map each drug", {"talk/ddi.json": b'{"a": [1]}'}),
    Broken("dialogue is text", TALK, r"dev\.txt:1: field 'dialog' must be a list of utter", {"talk/dev.txt": as_lines({"dialog": "x", "label": []})}),
    Broken("dialogue is blank", TALK, r"dev\.txt:1: field 'dialog' is empty", {"talk/dev.txt": as_lines({"dialog": [" "], "label": []})}),
    Broken("label unknown", TALK, r"dev\.txt:1: field 'label' names '丙'", {"talk/dev.txt": as_lines({"dialog": ["x"], "label": ["丙"]})}),
]  # fmt: skip

ARFF_CASES = [
    arff("no attributes", r"d\.arff:1: holds no attributes or no rows", "@relation r\n@data\n"),
    arff("too few values", r"d\.arff:7: has 3 values for 4 attributes", f"{ARFF}1,no,0\n"),
    arff("a word for a number", r"d\.arff:7: value 'x' is not a number", f"{ARFF}x,no,0,1\n"),
    arff("an unknown word", r"d\.arff:7: value 'maybe' is not one of no, yes", f"{ARFF}1,maybe,0,1\n"),
    arff("infinity", r"d\.arff:7: value 'inf' is not finite", f"{ARFF}inf,no,0,1\n"),
    arff("a label of 2", r"d\.arff:4: label 'l' must be 0 or 1 in every row", f"{ARFF}1,no,2,1\n"),
    arff("sparse row cut off", r"d\.arff:7: sparse row is cut off", f"{ARFF}{{0 1, 2 1\n"),
    arff("sparse cell beyond", r"d\.arff:7: sparse cell '9 1' is not", f"{ARFF}{{9 1}}\n"),
    arff("sparse cell twice", r"d\.arff:7: gives attribute 2 twice", f"{ARFF}{{2 1, 2 1}}\n"),
    arff("sparse cell ²", r"d\.arff:7: sparse cell '² 1' is not", f"{ARFF}{{² 1}}\n"),
    arff("attribute twice", r"d\.arff:6: attribute 'l' stands at line 4", ARFF.replace("@data", "@attribute l {0,1}\n@data")),
    arff("an attribute of text", r"d\.arff:1: attribute type 'string' is neither", "@attribute a string\n@data\nx\n"),
    arff("a line of nothing", r"d\.arff:1: is neither @relation", "hello\n"),
    arff("a cell of 200,000 letters", r"d\.arff:7: does not divide into values", f"{ARFF}{'1' * 200_000},no,0,1\n"),
    arff("XML cut off", r"d\.xml:1: is not XML", GOOD["d.arff"].decode(), "<labels><label"),
    arff("XML of unknown encoding", r"d\.xml:1: is not XML in UTF-8", GOOD["d.arff"].decode(), '<?xml version="1.0" encoding="foo"?><a/>'),
    arff("XML names another label", r"d\.xml: names the label 'z'", GOOD["d.arff"].decode(), '<labels><label name="z"/></labels>'),
    arff("XML names a label twice", r"d\.xml: names a label twice", GOOD["d.arff"].decode(), '<labels><label name="l"/><label name="l"/></labels>'),
    Broken("no XML", ARFF_FIT, r"d\.arff:1: names no labels", {"d.xml": None}),
]  # fmt: skip

TABLE_CASES = [
    table("interactions of strangers", r"ddi\.csv: none of its 2 drug names is one of", "drug,other\nx,y\n"),
    table("no interactions", r"ddi\.csv: has no interaction between two drugs of the data", "drug,other\n"),
    table("interactions with one stranger", r"ddi\.csv: has no interaction", f"drug,other\n{CANDIDATES[0]},y\n"),
    table("empty table", r"ddi\.csv: is empty; the header must be", ""),
    table("wrong header", r"ddi\.csv:1: the header must be drug,other", "a,b\nx,y\n"),
    table("too many cells", r"ddi\.csv:2: 2 columns expected; got 3", f"drug,other\n{CANDIDATES[0]},{CANDIDATES[1]},major\n"),
    table("unknown severity", r"ddi\.csv:2: severity must be one of", f"drug,other,severity\n{CANDIDATES[0]},{CANDIDATES[1]},awful\n"),
    table("an open quote", r"ddi\.csv:2: is not CSV", 'drug,other\n"a,b\n'),
    table("table in GB18030", r"ddi\.csv:2: is not UTF-8", "drug,other\n华法林钠片,阿司匹林\n".encode("gb18030")),
    table("JSON cut off", r"ddi\.json:1: is not JSON", '{"a": ["b"', "ddi.json"),
    table("JSON of numbers", r"ddi\.json:1: 'a' must list names", '{"a": [1]}', "ddi.json"),
    table("JSON nested deep", r"ddi\.json:1: each item must be", "[" * 800 + "]" * 800, "ddi.json"),
    table("JSON with 5,000 digits", r"ddi\.json: holds a value that", "[" + "1" * 5000 + "]", "ddi.json"),
    Broken("no table", f"{FIT} --ddi nowhere.csv", r"nowhere\.csv: cannot be read"),
    Broken("no table for score", f"{SCORE} --ddi nowhere.csv", r"nowhere\.csv: cannot be read"),
]  # fmt: skip

SUBMISSION_CASES = [
    submission("no predictions", r"pred\.json:1: is empty", b""),
    submission("cut-off predictions", r"pred\.json:1: is not JSON", GOOD["pred.json"][:-30]),
    submission("entry is a list", r'pred\.json: item 1 must be \{"ID": ', [[1]]),
    submission("entry without ID", r"pred\.json: item 2 must be", [ENTRY, {"prediction": []}]),
    submission("ID is null", r"pred\.json: item 1 has the id None; write text", [ENTRY | {"ID": None}]),
    submission("unknown ID", r"pred\.json: item 2 id '9-9' is no record of the truth", [ENTRY, ENTRY | {"ID": "9-9"}]),
    submission("repeated ID", r"pred\.json: item 2 id '0-0' stands twice", [ENTRY, ENTRY]),
    submission("prediction is text", r"pred\.json: item 1 drugs must be a list", [ENTRY | {"prediction": CANDIDATES[0]}]),
    submission("prediction of a number", r"pred\.json: item 1 must be a list of drug", [ENTRY | {"prediction": [5]}]),
    submission("no candidate", r"pred\.json: item 1 names '砒霜', which is no", [ENTRY | {"prediction": ["砒霜"]}]),
    submission("half a character", r"pred\.json: holds half a character", rb'[{"ID": "\ud800", "prediction": []}]'),
    submission("NUL bytes", r"pred\.json:1: holds NUL bytes", b"[\0]"),
    submission("a lines entry without drugs", r'pred\.json:1: must be \{"id": ', b'{"id": "0-0"}'),
    submission("lines of arrays", r"pred\.json:2: holds list", b'{"id": "0-0", "drugs": []}\n[]\n'),
    submission("neither JSON nor CSV", r"pred\.json:1: is neither JSON nor CSV", b"hello\n"),
    submission("CSV with a missing cell", r"pred\.json:2: has 1 cells for 2 columns", b"id,drug\n0-0\n"),
    submission("CSV with an unknown id", r"pred\.json:2: id '7-7' is no record", b"id,drug\n7-7,a\n"),
    submission("CSV with an unknown drug", r"pred\.json:2: names 'a', which is no", b"id,drug\n0-0,a\n"),
    submission("CSV with an id in two places", r"pred\.json:4: id '0-0' stands apart", b"id,drug\n0-0,\n0-1,\n0-0,\n"),
    submission("CSV with an open quote", r"pred\.json:2: is not CSV", b'id,drug\n0-0,"a\n'),
    submission("CSV with a cell of 200,000 letters", r"pred\.json:2: is not CSV", b"id,drug\n0-0," + b"x" * 200_000 + b"\n"),
    Broken("no prediction file", "score --truth cdrugred:train.jsonl --pred nowhere", r"nowhere: cannot be read"),
    Broken("cut-off packed predictions", "score --truth cdrugred:train.jsonl --pred p.json.gz", r"p\.json\.gz: cannot be unpacked", {"p.json.gz": gzip.compress(GOOD["pred.json"])[:-12]}),
]  # fmt: skip

OUTPUT_CASES = [
    Broken("output in a missing folder", FIT.replace("--out out", "--out no/out"), r"no/out: cannot be written \(No such file"),
    Broken("output below a file", FIT.replace("--out out", "--out ddi.csv/out"), r"ddi\.csv/out: cannot be written \(Not a dir"),
    Broken("output is a folder", FIT.replace("--out out", "--out talk"), r"talk: is a folder; name a file"),
    Broken("output is a device", FIT.replace("--out out", "--out /dev/null"), r"/dev/null: is a device or pipe"),
    Broken("output where nobody may write", FIT.replace("--out out", "--out /proc/out"), r"/proc/out: cannot be written"),
    Broken("predictions in a missing folder", PREDICT.replace("--out out", "--out no/out"), r"no/out: cannot be written"),
    Broken("figures in a missing folder", "evaluate --data cdrugred:train.jsonl --out no/f", r"no/f: cannot be written"),
    Broken("page in a missing folder", "evaluate --data cdrugred:train.jsonl --report no/r", r"no/r: cannot be written"),
    Broken("records below a file", "data make --out ddi.csv/made --records 30", r"ddi\.csv/made: folder cannot be made"),
    Broken("demo below a file", "demo --out ddi.csv/made", r"ddi\.csv/made: folder cannot be made"),
]  # fmt: skip


ALL = RECORD_CASES + OWN_CASES + TALK_CASES + ARFF_CASES + TABLE_CASES + SUBMISSION_CASES + OUTPUT_CASES
