// Runs kernels on the host, for the tests: every block of a grid in turn, and of a block every thread. Threads that
// meet are fibres, which go on in turn each time that all have come to MEET(), in this order or the other way round: a
// kernel whose result depends on the order is wrong.
//
// A fibre is begun by makecontext, once, and then left and entered by _setjmp and _longjmp, which ask nothing of the
// system.

#include <math.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

struct Place { unsigned x, y, z; };

static struct Place blockIdx, threadIdx, blockDim, gridDim;

struct Kernel { void (*body)(const void *); int meets; };

#define DEFINE(name, Arguments, meets)                                              \
    static void name##_body(const struct Arguments a);                              \
    static void name##_call(const void *a) { name##_body(*(const struct Arguments *)a); } \
    const struct Kernel name = { name##_call, meets };                              \
    static void name##_body(const struct Arguments a)
#define KERNEL(name, Arguments) DEFINE(name, Arguments, 0)
#define BLOCK_KERNEL(name, Arguments, threads) DEFINE(name, Arguments, 1)
#define INLINE static inline
#define SHARED static
#define MEET() meet()

#define MOST 1024
#define STACK (64 * 1024)

static jmp_buf scheduler, fibres[MOST];
static int begun[MOST], ended[MOST];
static unsigned current;
static const struct Kernel *running;
static const void *arguments;

static void set_thread(unsigned thread) {
    current = thread;
    threadIdx.x = thread % blockDim.x;
    threadIdx.y = thread / blockDim.x;
    threadIdx.z = 0;
}

// Back to the scheduler, until it is this thread's turn again.
static __attribute__((noinline)) void meet(void) {
    if (!_setjmp(fibres[current])) _longjmp(scheduler, 1);
}

// One thread of block after block.
static void fibre(void) {
    for (;;) {
        running->body(arguments);
        ended[current] = 1;
        meet();
    }
}

// Into a thread, until it meets others or ends.
static __attribute__((noinline)) void enter(unsigned thread) {
    set_thread(thread);
    if (_setjmp(scheduler)) return;
    if (begun[thread]) _longjmp(fibres[thread], 1);
    static ucontext_t context, unused;
    begun[thread] = 1;
    getcontext(&context);
    context.uc_stack.ss_sp = malloc(STACK);
    context.uc_stack.ss_size = STACK;
    makecontext(&context, fibre, 0);
    swapcontext(&unused, &context);
}

// 0, or 1 where some threads of a block ended while others waited for them.
static int run_block(unsigned threads, int backwards) {
    for (unsigned thread = 0; thread < threads; thread++) ended[thread] = 0;
    for (;;) {
        unsigned left = 0;
        for (unsigned at = 0; at < threads; at++) {
            unsigned thread = backwards ? threads - 1 - at : at;
            enter(thread);
            left += !ended[thread];
        }
        if (left == 0) return 0;
        if (left < threads) return 1;
    }
}

// Runs a kernel over a grid. 0, 1 as above, or 2 for a block of more than 1024 threads.
int emulate(const struct Kernel *kernel, const void *a, const unsigned grid[3], const unsigned block[2], int backwards) {
    unsigned threads = block[0] * block[1];
    if (threads > MOST) return 2;
    running = kernel;
    arguments = a;
    gridDim = (struct Place){ grid[0], grid[1], grid[2] };
    blockDim = (struct Place){ block[0], block[1], 1 };
    unsigned long long blocks = (unsigned long long)grid[0] * grid[1] * grid[2];
    for (unsigned long long at = 0; at < blocks; at++) {
        unsigned long long index = backwards ? blocks - 1 - at : at;
        blockIdx.x = index % grid[0];
        blockIdx.y = index / grid[0] % grid[1];
        blockIdx.z = index / grid[0] / grid[1];
        if (kernel->meets) {
            if (run_block(threads, backwards)) return 1;
        } else {
            for (unsigned thread = 0; thread < threads; thread++) {
                set_thread(backwards ? threads - 1 - thread : thread);
                kernel->body(a);
            }
        }
    }
    return 0;
}
