// Counting over index arrays on a GPU: what reference.py counts, in integers only.
//
// Every kernel walks over the records in strides of the grid, so any grid covers any number of records, and
// every group of lanes walks over its record's labels in strides, so a record may have any number of labels.
// Index types are int or long long, each matrix its own. Rows are sorted (canonical CSR).

constexpr int LANES = 8;   // threads that share a record: the usual set fills one 32-byte sector of int
constexpr int WARP = 32;
constexpr unsigned ALL = 0xffffffffu;

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

// Sum over the LANES threads of a record, right in its first thread.
__device__ long long group_sum(long long value) {
    for (int offset = LANES / 2; offset > 0; offset /= 2) {
        value += __shfl_down_sync(ALL, value, offset, LANES);
    }
    return value;
}

// Sizes of intersection, true and predicted set of each record; counts of each label, which must start at 0.
// With in_shared a block counts labels in its own 3 * n_labels words of dynamic shared memory and adds them to
// the totals once; without, every count goes to the totals at once.
template <typename YIndex, typename ZIndex>
__global__ void overlap(const YIndex* y_ptr, const YIndex* y_labels, const ZIndex* z_ptr, const ZIndex* z_labels,
                        long long n_records, long long n_labels, int in_shared, int* h, int* y, int* z,
                        unsigned long long* totals) {
    extern __shared__ unsigned int partial[];
    const long long n_counts = 3 * n_labels;
    if (in_shared) {
        for (long long at = threadIdx.x; at < n_counts; at += blockDim.x) {
            partial[at] = 0;
        }
        __syncthreads();
    }
    auto count = [&](long long at) {
        if (in_shared) {
            atomicAdd(&partial[at], 1u);
        } else {
            atomicAdd(&totals[at], 1ull);
        }
    };
    const int lane = threadIdx.x % LANES;
    const long long per_block = blockDim.x / LANES;
    // All lanes of a warp stay in the loop together: the sums need them.
    for (long long base = blockIdx.x * per_block; base < n_records; base += gridDim.x * per_block) {
        const long long row = base + threadIdx.x / LANES;
        const bool valid = row < n_records;
        const long long y_first = valid ? y_ptr[row] : 0, y_last = valid ? y_ptr[row + 1] : 0;
        const long long z_first = valid ? z_ptr[row] : 0, z_last = valid ? z_ptr[row + 1] : 0;
        for (long long at = y_first + lane; at < y_last; at += LANES) {
            count(n_labels + y_labels[at]);
        }
        long long both = 0;
        for (long long at = z_first + lane; at < z_last; at += LANES) {
            const long long label = z_labels[at];
            count(2 * n_labels + label);
            if (contains(y_labels, y_first, y_last, label)) {
                count(label);
                both += 1;
            }
        }
        both = group_sum(both);
        if (valid && lane == 0) {
            h[row] = both;
            y[row] = y_last - y_first;
            z[row] = z_last - z_first;
        }
    }
    if (in_shared) {
        __syncthreads();
        for (long long at = threadIdx.x; at < n_counts; at += blockDim.x) {
            if (partial[at] > 0) {
                atomicAdd(&totals[at], static_cast<unsigned long long>(partial[at]));
            }
        }
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
        found = group_sum(found);
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
