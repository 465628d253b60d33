"""What the page is for, and what it must not be used for."""

LIMITS = """<p><strong>This is research software, not medical advice.</strong> The page shows how well models repeat
what was prescribed in past records. It does not show that a prescription was right, that a recommended drug
would help, or that a set without a listed interaction is safe.</p>
<h3>Intended use</h3>
<ul>
<li>To compare models on the same records, and to find where they fail before anybody relies on them.</li>
<li>As a baseline for research on medication recommendation and clinical coding.</li>
<li>To talk with pharmacists and physicians about single drugs and records.</li>
</ul>
<h3>Out of scope</h3>
<ul>
<li>The care of patients. A person qualified to prescribe must judge every recommendation.</li>
<li>Records of another kind than those of the data card: other wards, languages, years or drug lists.</li>
<li>Doses, routes, durations; allergies, pregnancy, kidney and liver function: nothing here looks at them.</li>
<li>To judge physicians: a drug that differs from the model's is no error.</li>
</ul>
<h3>Limits</h3>
<ul>
<li>The figures hold for these records; another hospital, time or drug list will give others.</li>
<li>Interactions are only those of the table that was given.</li>
<li>Rare drugs have few records, so their figures are uncertain, and drugs that do not occur here are not
judged at all.</li>
<li>Intervals are over patients for fixed models; they do not hold the chance of another training set.</li>
<li>An explanation says what the model went by, not why a drug would be right.</li>
</ul>"""
