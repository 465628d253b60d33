// Counting over index arrays on a GPU: what reference.py counts, in integers only.
//
// Every kernel walks over the records in strides of the grid, so any grid covers any number of records, and
// every group of lanes walks over its record's labels in strides, so a record may have any number of labels.
// Index types are int or long long, each matrix its own. Rows are sorted (canonical CSR).

constexpr int LANES = 8;   // threads that share a record: the usual set fills one 32-byte sector of int
constexpr int WARP = 32;
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 800
constexpr int RESIDENT = 1024;  // threads that a multiprocessor is to hold
#else
constexpr int RESIDENT = 1536;
#endif
constexpr unsigned ALL = 0xffffffffu;
constexpr int BATCH = 4;   // reads of a thread that are under way together
constexpr unsigned short HIT = 1u << 15;  // marks a predicted label that is true, where labels are kept in 16 bits

// Whether labels[first:last], which rise, hold a label.
template <typename Index>
__device__ bool contains(const Index* labels, long long first, long long last, long long label) {
    const long long end = last;
    while (first < last) {
        const long long middle = first + (last - first) / 2;
        if (labels[middle] < label) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return first < end && labels[first] == label;
}

// Sum over WIDTH threads beside each other, the lanes of a record or a warp, right in the first.
template <int WIDTH>
__device__ long long group_sum(long long value) {
    for (int offset = WIDTH / 2; offset > 0; offset /= 2) {
        value += __shfl_down_sync(ALL, value, offset, WIDTH);
    }
    return value;
}

// Sizes of intersection, true and predicted set of each record; counts of each label, which must start at 0.
//
// The sets of WARP records lie one behind another, so a warp reads them as one run each of true and predicted labels,
// keeps them in shared memory in 16 bits, and every thread merges the two sets of its record there. Runs of more than
// `staged` labels stay where they are: LANES threads share a record and look predicted labels up among the true ones.
// Dynamic shared memory: 3 * n_labels counters with in_shared, which a block adds to the totals once (without, every
// count goes to the totals at once), then 2 * staged half words for each warp. Where n_labels is above HIT, staged is 0.
template <typename YIndex, typename ZIndex, int THREADS>
__global__ void __launch_bounds__(THREADS, RESIDENT / THREADS)
overlap(const YIndex* y_ptr, const YIndex* y_labels, const ZIndex* z_ptr, const ZIndex* z_labels,
                        long long n_records, long long n_labels, int in_shared, int staged, int* h, int* y, int* z,
                        unsigned long long* totals) {
    extern __shared__ unsigned int partial[];
    const long long n_counts = in_shared ? 3 * n_labels : 0;
    for (long long at = threadIdx.x; at < n_counts; at += blockDim.x) {
        partial[at] = 0;
    }
    __syncthreads();
    auto count = [&](long long at) {
        if (in_shared) {
            atomicAdd(&partial[at], 1u);
        } else {
            atomicAdd(&totals[at], 1ull);
        }
    };
    const int lane = threadIdx.x % WARP;
    unsigned short* const y_run = reinterpret_cast<unsigned short*>(partial + n_counts) + threadIdx.x / WARP * 2 * staged;
    unsigned short* const z_run = y_run + staged;
    const long long stride = static_cast<long long>(gridDim.x) * blockDim.x;
    // All lanes of a warp stay in the loop together: the shuffles need them.
    for (long long base = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x - lane; base < n_records;
         base += stride) {
        const long long row = base + lane;
        const bool valid = row < n_records;
        const long long y_first = y_ptr[valid ? row : n_records], y_last = y_ptr[valid ? row + 1 : n_records];
        const long long z_first = z_ptr[valid ? row : n_records], z_last = z_ptr[valid ? row + 1 : n_records];
        const long long y_start = __shfl_sync(ALL, y_first, 0), y_total = __shfl_sync(ALL, y_last, WARP - 1) - y_start;
        const long long z_start = __shfl_sync(ALL, z_first, 0), z_total = __shfl_sync(ALL, z_last, WARP - 1) - z_start;
        if (y_total <= staged && z_total <= staged) {
            const YIndex* const y_from = y_labels + y_start;
            const ZIndex* const z_from = z_labels + z_start;
            for (int first = lane; first < y_total || first < z_total; first += BATCH * WARP) {
                YIndex y_read[BATCH];
                ZIndex z_read[BATCH];
                for (int i = 0; i < BATCH; ++i) {
                    const int at = first + i * WARP;
                    y_read[i] = at < y_total ? y_from[at] : 0;
                    z_read[i] = at < z_total ? z_from[at] : 0;
                }
                for (int i = 0; i < BATCH; ++i) {
                    const int at = first + i * WARP;
                    if (at < y_total) {
                        y_run[at] = y_read[i];
                        count(n_labels + y_read[i]);
                    }
                    if (at < z_total) {
                        z_run[at] = z_read[i];
                    }
                }
            }
            __syncwarp();
            int both = 0;
            int one = y_first - y_start, other = z_first - z_start;
            const int one_end = y_last - y_start, other_end = z_last - z_start;
            while (one < one_end && other < other_end) {
                const unsigned short label = y_run[one], predicted = z_run[other];
                if (label == predicted) {
                    z_run[other] = predicted | HIT;
                    both += 1;
                }
                one += label <= predicted;
                other += predicted <= label;
            }
            __syncwarp();
            for (int at = lane; at < z_total; at += WARP) {
                const unsigned short marked = z_run[at], label = marked & (HIT - 1);
                count(2 * n_labels + label);
                if (marked & HIT) {
                    count(label);
                }
            }
            __syncwarp();
            if (valid) {
                h[row] = both;
            }
        } else {
            for (int shift = 0; shift < WARP; shift += WARP / LANES) {
                const int mine = shift + lane / LANES, part = lane % LANES;
                const long long first = __shfl_sync(ALL, y_first, mine), last = __shfl_sync(ALL, y_last, mine);
                const long long z_begin = __shfl_sync(ALL, z_first, mine), z_end = __shfl_sync(ALL, z_last, mine);
                for (long long at = first + part; at < last; at += LANES) {
                    count(n_labels + y_labels[at]);
                }
                long long both = 0;
                for (long long at = z_begin + part; at < z_end; at += LANES) {
                    const long long label = z_labels[at];
                    count(2 * n_labels + label);
                    if (contains(y_labels, first, last, label)) {
                        count(label);
                        both += 1;
                    }
                }
                both = group_sum<LANES>(both);
                if (part == 0 && base + mine < n_records) {
                    h[base + mine] = both;
                }
            }
        }
        if (valid) {
            y[row] = y_last - y_first;
            z[row] = z_last - z_first;
        }
    }
    __syncthreads();
    for (long long at = threadIdx.x; at < n_counts; at += blockDim.x) {
        if (partial[at] > 0) {
            atomicAdd(&totals[at], static_cast<unsigned long long>(partial[at]));
        }
    }
}

// Looks whether rows of labels follow each other from 0 to n_entries and rise inside [0, n_labels), and every value is 1.
// wrong[0] is set where not, but for the rising: wrong[1] gets the places where a label is not above the one before it,
// less those of them where a row starts, and is 0 where all rows rise. Both must start at 0.
template <typename Index, typename Value>
__global__ void irregular(const Index* ptr, const Index* labels, const Value* values, long long n_records,
                          long long n_labels, long long n_entries, unsigned long long* wrong) {
    const long long thread = static_cast<long long>(blockIdx.x) * blockDim.x + threadIdx.x;
    const long long n_threads = static_cast<long long>(gridDim.x) * blockDim.x;
    bool bad = thread == 0 && (ptr[0] != 0 || ptr[n_records] != n_entries);
    long long falls = 0;
    for (long long at = thread; at < n_entries; at += n_threads) {
        const Index label = labels[at];
        bad |= label < 0 || label >= n_labels || !(values[at] == Value(1));
        falls += at > 0 && label <= labels[at - 1];
    }
    for (long long row = thread; row < n_records; row += n_threads) {
        const long long first = ptr[row], last = ptr[row + 1];
        if (first < 0 || first > last || last > n_entries) {
            bad = true;
        } else if (first > 0 && first < last) {
            falls -= labels[first] <= labels[first - 1];
        }
    }
    falls = group_sum<WARP>(falls);
    if (threadIdx.x % WARP == 0 && falls != 0) {
        atomicAdd(&wrong[1], static_cast<unsigned long long>(falls));
    }
    if (bad) {
        wrong[0] = 1;
    }
}

// Pairs of labels of each record that the symmetric graph joins, each looked up once.
template <typename ZIndex, typename GIndex>
__global__ void interacting_pairs(const ZIndex* z_ptr, const ZIndex* z_labels, const GIndex* near_ptr,
                                  const GIndex* near, long long n_records, long long* interacting) {
    const int lane = threadIdx.x % LANES;
    const long long per_block = blockDim.x / LANES;
    for (long long base = blockIdx.x * per_block; base < n_records; base += gridDim.x * per_block) {
        const long long row = base + threadIdx.x / LANES;
        const bool valid = row < n_records;
        const long long first = valid ? z_ptr[row] : 0, last = valid ? z_ptr[row + 1] : 0;
        long long found = 0;
        for (long long one = first + lane; one < last; one += LANES) {
            const long long label = z_labels[one];
            for (long long other = one + 1; other < last; ++other) {
                found += contains(near, near_ptr[label], near_ptr[label + 1], z_labels[other]);
            }
        }
        found = group_sum<LANES>(found);
        if (valid && lane == 0) {
            interacting[row] = found;
        }
    }
}

// Labels of the k highest scores, one warp a record; of equal scores the lower label. Each rank is the best
// among what comes after the rank before, so nothing is sorted and nothing is stored.
template <typename Score>
__global__ void top_k(const Score* scores, long long n_records, long long n_labels, long long k, long long* best) {
    const int lane = threadIdx.x % WARP;
    const long long warps = blockDim.x / WARP;
    for (long long row = blockIdx.x * warps + threadIdx.x / WARP; row < n_records; row += gridDim.x * warps) {
        const Score* mine = scores + row * n_labels;
        Score before = 0;
        long long before_label = -1;
        for (long long rank = 0; rank < k; ++rank) {
            Score high = 0;
            long long found = -1;
            for (long long label = lane; label < n_labels; label += WARP) {
                const Score score = mine[label];
                const bool open = rank == 0 || score < before || (score == before && label > before_label);
                if (open && (found < 0 || score > high)) {
                    high = score;
                    found = label;
                }
            }
            for (int offset = WARP / 2; offset > 0; offset /= 2) {
                const Score other = __shfl_xor_sync(ALL, high, offset);
                const long long label = __shfl_xor_sync(ALL, found, offset);
                if (label >= 0 && (found < 0 || other > high || (other == high && label < found))) {
                    high = other;
                    found = label;
                }
            }
            if (lane == 0) {
                best[row * k + rank] = found;
            }
            before = high;
            before_label = found;
        }
    }
}
