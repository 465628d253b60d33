// Runs CUDA kernels on the CPU: every thread of a block is a fibre, blocks run one after another.
//
// A fibre runs until a barrier or a shuffle. Which one goes on is chosen by `order`: 0 the lowest thread that
// can, 1 the highest, others at random by that seed; so what a missing barrier leaves to chance comes out
// differently. A barrier or shuffle that some thread never reaches is reported as a deadlock; an addition outside
// the arrays of the launch, or any read that the machine itself refuses, as an access out of bounds.

#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#include <cstring>
#include <random>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __shared__
#define __launch_bounds__(...)

struct Index3 {
    unsigned x, y, z;
};
inline Index3 threadIdx, blockIdx, blockDim, gridDim;
alignas(16) unsigned int partial[1 << 16];  // the dynamic shared memory of the block that runs

namespace shim {
constexpr int WARP_SIZE = 32;
enum class State { ready, at_barrier, at_shuffle, done };
struct Fibre {
    ucontext_t context;
    std::vector<char> stack;
    State state;
};
inline std::vector<Fibre> fibres;
inline std::vector<char> slots;  // 8 bytes a thread, twice: shuffles take turns
inline std::vector<int> turn;
inline ucontext_t scheduler;
inline unsigned current;
inline void (*body)(void**);
inline void** arguments;
inline std::vector<std::pair<const char*, const char*>> arrays;
inline size_t shared;  // bytes of dynamic shared memory that were asked for
inline sigjmp_buf escape;

inline void out_of_bounds(int) { siglongjmp(escape, 1); }

inline void check(const void* at) {
    for (const auto& [first, last] : arrays) {
        if (at >= first && at < last) return;
    }
    siglongjmp(escape, 1);
}

inline void wait(State state) {
    Fibre& mine = fibres[current];
    mine.state = state;
    const bool all = state == State::at_barrier;
    const unsigned first = all ? 0 : current / WARP_SIZE * WARP_SIZE;
    const unsigned last = all ? fibres.size() : first + WARP_SIZE;
    bool complete = last <= fibres.size();
    for (unsigned i = first; complete && i < last; ++i) complete = fibres[i].state == state;
    for (unsigned i = first; complete && i < last; ++i) fibres[i].state = State::ready;
    swapcontext(&mine.context, &scheduler);
}

template <typename T>
T exchange(T value, unsigned source) {
    const unsigned me = current;
    const size_t at = (turn[me] ^= 1) * fibres.size();
    std::memcpy(&slots[8 * (at + me)], &value, sizeof(T));
    wait(State::at_shuffle);
    std::memcpy(&value, &slots[8 * (at + source)], sizeof(T));
    return value;
}

inline void enter() {
    body(arguments);
    fibres[current].state = State::done;
}

inline bool run_block(unsigned order) {
    static std::mt19937 random;
    random.seed(order + 7919 * blockIdx.x);
    for (Fibre& fibre : fibres) {
        getcontext(&fibre.context);
        fibre.context.uc_stack.ss_sp = fibre.stack.data();
        fibre.context.uc_stack.ss_size = fibre.stack.size();
        fibre.context.uc_link = &scheduler;
        fibre.state = State::ready;
        makecontext(&fibre.context, enter, 0);
    }
    std::memset(partial, 0xA5, sizeof partial);  // shared memory starts as anything
    std::vector<unsigned> able;
    for (;;) {
        able.clear();
        bool left = false;
        for (unsigned i = 0; i < fibres.size(); ++i) {
            left |= fibres[i].state != State::done;
            if (fibres[i].state == State::ready) able.push_back(i);
        }
        if (!left) break;
        if (able.empty()) return false;
        current = order == 0 ? able.front() : order == 1 ? able.back() : able[random() % able.size()];
        threadIdx = {current, 0, 0};
        swapcontext(&scheduler, &fibres[current].context);
    }
    const char* memory = reinterpret_cast<char*>(partial);
    for (size_t at = shared; at < sizeof partial; ++at) {
        if (memory[at] != char(0xA5)) siglongjmp(escape, 1);  // written behind what was asked for
    }
    return true;
}

template <typename... A, size_t... I>
void call(void (*kernel)(A...), void** values, std::index_sequence<I...>) {
    kernel(*static_cast<A*>(values[I])...);
}

// 0: ran; 1: the arguments are of other sizes than the kernel's; 2: deadlock; 3: access out of bounds.
// bytes: the size of the array that an argument points to, 0 for a number.
template <auto kernel, typename... A>
int launch_as(void (*)(A...), unsigned grid, unsigned block, unsigned order, unsigned bytes_shared, void** values,
              const int* sizes, const long long* bytes, int n) {
    const int expected[] = {int(sizeof(A))...};
    if (n != int(sizeof...(A)) || std::memcmp(expected, sizes, sizeof expected) != 0) return 1;
    gridDim = {grid, 1, 1};
    blockDim = {block, 1, 1};
    fibres.resize(block);
    for (Fibre& fibre : fibres) fibre.stack.resize(32 * 1024);
    slots.assign(16 * block, 0);
    turn.assign(block, 0);
    arguments = values;
    shared = bytes_shared;
    body = [](void** all) { call(kernel, all, std::index_sequence_for<A...>{}); };
    arrays.assign(1, {reinterpret_cast<char*>(partial), reinterpret_cast<char*>(partial) + shared});
    for (int i = 0; i < n; ++i) {
        const char* first = bytes[i] ? *static_cast<const char**>(values[i]) : nullptr;
        arrays.push_back({first, first + bytes[i]});
    }
    static std::vector<char> spare(64 * 1024);
    stack_t own{}, stack_before{};
    own.ss_sp = spare.data();
    own.ss_size = spare.size();
    sigaltstack(&own, &stack_before);
    struct sigaction action {}, segv {}, bus {};
    action.sa_handler = out_of_bounds;
    action.sa_flags = SA_ONSTACK;
    sigaction(SIGSEGV, &action, &segv);
    sigaction(SIGBUS, &action, &bus);
    volatile int status = 0;
    if (sigsetjmp(escape, 1) == 0) {
        for (unsigned i = 0; i < grid && status == 0; ++i) {
            blockIdx = {i, 0, 0};
            if (!run_block(order)) status = 2;
        }
    } else {
        status = 3;
    }
    sigaction(SIGSEGV, &segv, nullptr);
    sigaction(SIGBUS, &bus, nullptr);
    sigaltstack(&stack_before, nullptr);
    return status;
}
}  // namespace shim

inline void __syncthreads() { shim::wait(shim::State::at_barrier); }

inline void __syncwarp() { shim::wait(shim::State::at_shuffle); }

template <typename T>
T __shfl_sync(unsigned, T value, int lane) {
    return shim::exchange(value, shim::current / 32 * 32 + lane);
}

template <typename T>
T __shfl_down_sync(unsigned, T value, int offset, int width = 32) {
    const unsigned lane = shim::current % width;
    return shim::exchange(value, lane + offset < unsigned(width) ? shim::current + offset : shim::current);
}

template <typename T>
T __shfl_xor_sync(unsigned, T value, int offset) {
    return shim::exchange(value, shim::current ^ offset);
}

template <typename T>
T atomicAdd(T* at, T value) {
    shim::check(at);
    const T old = *at;
    *at += value;
    return old;
}
