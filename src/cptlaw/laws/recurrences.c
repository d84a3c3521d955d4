/* Recurrences along blocks of steps and along single steps, values and derivatives in one pass; and
 * the coefficients that are best for given columns, which a search asks for at each of its places.
 *
 * Every function does what NumPy code of this folder does, to about 1e-13, where it was not built;
 * why it is C, and how it is built: docs/dependencies.md.
 * Arrays are C-contiguous buffers of float64 or int64; sizes are checked, so that a wrong call is
 * an error and no more. Python's limited interface alone is used: one build serves all versions.
 *
 * A tree of histories is an int64 array (3, s): first block, end, and the block before (-1 for
 * none) of s stretches; a stretch comes after the one that it leaves.
 */

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Checksum of this file when it was built: `compiled.py` takes no older build. */
#ifndef SOURCE
#define SOURCE 0
#endif

#if defined(__x86_64__) && defined(__linux__) && defined(__GLIBC__) && defined(__GNUC__) \
    && !defined(__clang__)
#if __GNUC__ >= 12
#define FOR_EACH_MACHINE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_MACHINE __attribute__((target_clones("avx512f", "avx2", "default")))
#endif
#else
#define FOR_EACH_MACHINE
#endif

#if defined(_MSC_VER)
#define RESTRICT __restrict
#else
#define RESTRICT restrict
#endif

#define NODES 24      /* of a memory: a multiple of what any machine does at once */
#define MOST_SLOPES 32

/* ---- arguments ------------------------------------------------------------------------------- */

#define MOST 12

typedef struct {
    Py_buffer held[MOST];
    int count;
} Arguments;

static void release(Arguments *a) {
    while (a->count) PyBuffer_Release(&a->held[--a->count]);
}

/* The address of a buffer of `items` numbers of 8 bytes (any number if below 0), or NULL. */
static void *take(Arguments *a, PyObject *object, Py_ssize_t items, int writable) {
    Py_buffer *buffer = &a->held[a->count];
    if (PyObject_GetBuffer(object, buffer, writable ? PyBUF_CONTIG : PyBUF_CONTIG_RO)) return NULL;
    a->count++;
    if (buffer->itemsize != 8 || (items >= 0 && buffer->len != 8 * items)) {
        PyErr_Format(PyExc_ValueError, "argument %d: %zd bytes, expected %zd numbers of 8 bytes",
                     a->count, buffer->len, items);
        return NULL;
    }
    return buffer->buf ? buffer->buf : (void *)a; /* an empty array may have no address */
}

static Py_ssize_t length(const Arguments *a) { return a->held[a->count - 1].len / 8; }

typedef struct {
    Py_ssize_t count, blocks;
    const int64_t *start, *end, *before;
} Tree;

static int take_tree(Arguments *a, PyObject *object, Tree *tree) {
    const int64_t *rows = take(a, object, -1, 0);
    if (!rows) return 0;
    tree->count = length(a) / 3;
    tree->start = rows;
    tree->end = rows + tree->count;
    tree->before = rows + 2 * tree->count;
    tree->blocks = 0;
    for (Py_ssize_t s = 0; s < tree->count; s++) {
        if (tree->start[s] != tree->blocks || tree->end[s] < tree->blocks
            || tree->before[s] >= tree->blocks) {
            PyErr_SetString(PyExc_ValueError, "stretches must lie end to end, parents first");
            return 0;
        }
        tree->blocks = (Py_ssize_t)tree->end[s];
    }
    return 1;
}

static PyObject *done(Arguments *a, int good) {
    release(a);
    if (!good) return NULL;
    Py_RETURN_NONE;
}

static int counted(Py_ssize_t given, Py_ssize_t wanted) {
    if (given == wanted) return 1;
    PyErr_Format(PyExc_TypeError, "%zd arguments, expected %zd", given, wanted);
    return 0;
}

/* ---- one recurrence -------------------------------------------------------------------------- */

/* solve(tree, decay (J, m), gain (..., J, m), out like gain): x_i = decay_i x_(i-1) + gain_i */
static PyObject *solve(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    Tree t;
    double *x;
    const double *decay, *gain;
    Py_ssize_t rates, rows;
    if (!counted(n, 4) || !take_tree(&a, args[0], &t)) return done(&a, 0);
    if (!(decay = take(&a, args[1], -1, 0))) return done(&a, 0);
    rates = t.blocks ? length(&a) / t.blocks : 0;
    if (!(gain = take(&a, args[2], -1, 0))) return done(&a, 0);
    rows = t.blocks ? length(&a) / t.blocks : 0;
    if (!(x = take(&a, args[3], rows * t.blocks, 1))) return done(&a, 0);
    if (rows && (!rates || rows % rates)) {
        PyErr_SetString(PyExc_ValueError, "gains must be whole sets of as many rows as decays");
        return done(&a, 0);
    }
    for (Py_ssize_t r = 0; r < rows; r++) {
        const double *d = decay + (r % rates) * t.blocks, *g = gain + r * t.blocks;
        double *out = x + r * t.blocks;
        for (Py_ssize_t s = 0; s < t.count; s++) {
            double state = t.before[s] < 0 ? 0.0 : out[t.before[s]];
            for (int64_t i = t.start[s]; i < t.end[s]; i++) out[i] = state = d[i] * state + g[i];
        }
    }
    return done(&a, 1);
}

/* summed(tree, x (..., m), out like x): running sums along every history */
static PyObject *summed(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    Tree t;
    const double *x;
    double *sums;
    Py_ssize_t rows;
    if (!counted(n, 3) || !take_tree(&a, args[0], &t)) return done(&a, 0);
    if (!(x = take(&a, args[1], -1, 0))) return done(&a, 0);
    rows = t.blocks ? length(&a) / t.blocks : 0;
    if (!(sums = take(&a, args[2], rows * t.blocks, 1))) return done(&a, 0);
    for (Py_ssize_t r = 0; r < rows; r++) {
        const double *row = x + r * t.blocks;
        double *out = sums + r * t.blocks;
        for (Py_ssize_t s = 0; s < t.count; s++) {
            double total = t.before[s] < 0 ? 0.0 : out[t.before[s]];
            for (int64_t i = t.start[s]; i < t.end[s]; i++) out[i] = total += row[i];
        }
    }
    return done(&a, 1);
}

/* ---- where results are wanted ----------------------------------------------------------------- */

/* A tree, which of its blocks others go on from, and which points lie after each block. */
typedef struct {
    Tree tree;
    const int64_t *slot;  /* (m,): where a state is kept for those that go on from it, or -1 */
    const int64_t *first; /* (m + 1,): of `points`, those after each block */
    const int64_t *points; /* (n,) */
    Py_ssize_t slots, wanted;
} Places;

static int take_places(Arguments *a, PyObject *const *args, Places *p) {
    if (!take_tree(a, args[0], &p->tree)) return 0;
    if (!(p->slot = take(a, args[1], p->tree.blocks, 0))) return 0;
    if (!(p->first = take(a, args[2], p->tree.blocks + 1, 0))) return 0;
    if (!(p->points = take(a, args[3], -1, 0))) return 0;
    p->wanted = length(a);
    p->slots = 0;
    for (Py_ssize_t i = 0; i < p->tree.blocks; i++) {
        if (p->slot[i] >= p->slots) p->slots = (Py_ssize_t)p->slot[i] + 1;
        if (p->first[i] < 0 || p->first[i + 1] < p->first[i] || p->first[i + 1] > p->wanted) {
            PyErr_SetString(PyExc_ValueError, "points must lie after blocks in order");
            return 0;
        }
    }
    for (Py_ssize_t i = 0; i < p->wanted; i++) {
        if (p->points[i] < 0 || p->points[i] >= p->wanted) {
            PyErr_SetString(PyExc_ValueError, "a point that is not there");
            return 0;
        }
    }
    for (Py_ssize_t s = 0; s < p->tree.count; s++) {
        if (p->tree.before[s] >= 0 && p->slot[p->tree.before[s]] < 0) {
            PyErr_SetString(PyExc_ValueError, "a stretch goes on from a state that is not kept");
            return 0;
        }
    }
    return 1;
}

/* Write a value of block i to row `row` of results (..., n). */
static inline void give(const Places *p, int64_t i, double *out, Py_ssize_t row, double value) {
    for (int64_t k = p->first[i]; k < p->first[i + 1]; k++)
        out[row * p->wanted + p->points[k]] = value;
}

/* ---- a memory of many exponentials ------------------------------------------------------------ */

/* exp(-x) and 1 - exp(-x) for x >= 0, to a few units in the last place, several at once: no call,
 * no branch. With -x = n log 2 + r it is 2^n (1 + p), p = exp(r) - 1 a series of thirteen terms. */
static inline void fading(double x, double *fade, double *left) {
    const double shift = 6755399441055744.0; /* 1.5 * 2^52: adding it rounds to a whole number */
    double y = x > 700.0 ? -700.0 : -x, n, r, p, s;
    double whole = y * 1.4426950408889634 + shift;
    int64_t bits;
    n = whole - shift;
    r = (y - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10;
    p = 1.6059043836821613e-10;
    p = p * r + 2.08767569878681e-09;
    p = p * r + 2.505210838544172e-08;
    p = p * r + 2.755731922398589e-07;
    p = p * r + 2.7557319223985893e-06;
    p = p * r + 2.48015873015873e-05;
    p = p * r + 1.984126984126984e-04;
    p = p * r + 1.388888888888889e-03;
    p = p * r + 8.333333333333333e-03;
    p = p * r + 4.1666666666666664e-02;
    p = p * r + 1.6666666666666666e-01;
    p = p * r + 0.5;
    p = (p * r) * r + r;
    memcpy(&bits, &whole, 8);
    bits = (int64_t)((uint64_t)(bits + 1023) << 52);
    memcpy(&s, &bits, 8);
    *fade = s + s * p;
    *left = (1.0 - s) - s * p;
}

typedef struct {
    const Places *places;
    /* Of r blocks from block `from` on: what is followed, how fast (r,), and the slopes of the
     * level and of kappa * clock (k, r). */
    const double *level, *clock, *level_slopes, *clock_slopes;
    int64_t from, room; /* r */
    Py_ssize_t slopes;  /* k */
    double kappa;
    const double *rates, *weights, *turned; /* (NODES,): the last are the weights' slopes in rho */
    double *out;                            /* (..., n) */
    Py_ssize_t rho, row[MOST_SLOPES];       /* rows of the slopes; the value is row 0 */
} Memory;

typedef struct {
    double state[NODES], tangent[MOST_SLOPES][NODES];
} Nodes;

static inline double weighed(const double *RESTRICT weights, const double *RESTRICT values) {
    double sums[8];
    for (int j = 0; j < 8; j++) {
        sums[j] = 0.0;
        for (int l = j; l < NODES; l += 8) sums[j] += weights[l] * values[l];
    }
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/* A stretch of blocks: x moves to the level by `left` of what is between, and so do its slopes. */
FOR_EACH_MACHINE
static void remember(const Memory *m, int64_t start, int64_t end, Nodes *x, double *kept) {
    double fade[NODES], left[NODES], gap[NODES];
    const Places *p = m->places;
    const Py_ssize_t k = m->slopes;
    for (int64_t i = start; i < end; i++) {
        const int64_t at = i - m->from;
        const double level = m->level[at], moved = m->kappa * m->clock[at];
        for (int j = 0; j < NODES; j++) fading(moved * m->rates[j], &fade[j], &left[j]);
        for (int j = 0; j < NODES; j++) gap[j] = (level - x->state[j]) * (m->rates[j] * fade[j]);
        for (Py_ssize_t s = 0; s < k; s++) {
            const double rise = m->level_slopes[s * m->room + at];
            const double turn = m->clock_slopes[s * m->room + at];
            double *t = x->tangent[s];
            for (int j = 0; j < NODES; j++) t[j] = fade[j] * t[j] + left[j] * rise + gap[j] * turn;
        }
        for (int j = 0; j < NODES; j++) x->state[j] = fade[j] * x->state[j] + left[j] * level;
        if (p->slot[i] >= 0)
            memcpy(kept + p->slot[i] * (1 + k) * NODES, x, (1 + k) * sizeof x->state);
        if (p->first[i] == p->first[i + 1]) continue;
        give(p, i, m->out, 0, weighed(m->weights, x->state));
        if (m->rho) give(p, i, m->out, m->rho, weighed(m->turned, x->state));
        for (Py_ssize_t s = 0; s < k; s++)
            give(p, i, m->out, m->row[s], weighed(m->weights, x->tangent[s]));
    }
}

/* What is followed may be filled in piece by piece, so that it stays in the processor's cache. */
#define PIECE 512

static int relax(Memory *m, void (*fill)(void *, int64_t, int64_t), void *by) {
    const Tree *t = &m->places->tree;
    const size_t size = (1 + m->slopes) * NODES;
    double *kept = malloc((m->places->slots * size + 1) * sizeof *kept);
    Nodes x;
    if (!kept) return PyErr_NoMemory(), 0;
    for (Py_ssize_t s = 0; s < t->count; s++) {
        if (t->before[s] < 0) memset(&x, 0, size * sizeof(double));
        else memcpy(&x, kept + m->places->slot[t->before[s]] * size, size * sizeof(double));
        for (int64_t i = t->start[s]; i < t->end[s];) {
            const int64_t end = fill && t->end[s] - i > PIECE ? i + PIECE : t->end[s];
            if (fill) fill(by, i, end), m->from = i;
            remember(m, i, end, &x, kept);
            i = end;
        }
    }
    free(kept);
    return 1;
}

static int few(Py_ssize_t slopes) {
    if (slopes >= 0 && slopes <= MOST_SLOPES) return 1;
    PyErr_Format(PyExc_ValueError, "%zd slopes, at most %d", slopes, MOST_SLOPES);
    return 0;
}

/* relaxed(*places, nodes (3, NODES), level (m,), clock (m,), level slopes (k, m), slopes of
 * kappa * clock (k, m), kappa, out (2 + k, n)): value, slope in rho, slopes */
static PyObject *relaxed(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    Places p;
    Memory m = {.places = &p, .rho = 1};
    if (!counted(n, 11) || !take_places(&a, args, &p)) return done(&a, 0);
    const Py_ssize_t blocks = p.tree.blocks;
    if (!(m.rates = take(&a, args[4], 3 * NODES, 0))) return done(&a, 0);
    m.weights = m.rates + NODES, m.turned = m.rates + 2 * NODES;
    if (!(m.level = take(&a, args[5], blocks, 0))) return done(&a, 0);
    if (!(m.clock = take(&a, args[6], blocks, 0))) return done(&a, 0);
    if (!(m.level_slopes = take(&a, args[7], -1, 0))) return done(&a, 0);
    m.slopes = blocks ? length(&a) / blocks : 0;
    if (!(m.clock_slopes = take(&a, args[8], m.slopes * blocks, 0))) return done(&a, 0);
    m.kappa = PyFloat_AsDouble(args[9]);
    if (PyErr_Occurred() || !few(m.slopes)) return done(&a, 0);
    if (!(m.out = take(&a, args[10], (2 + m.slopes) * p.wanted, 1))) return done(&a, 0);
    for (Py_ssize_t s = 0; s < m.slopes; s++) m.row[s] = 2 + s;
    m.from = 0, m.room = blocks;
    return done(&a, relax(&m, NULL, NULL));
}

/* The noise of the effective LR: what it relaxes to, u^zeta (1 + xi share), and its clock. */
typedef struct {
    const double *rate, *steps, *share; /* (1 + w, m), (m,), (m,) or NULL */
    double zeta, kappa, xi, per_lr;
    Py_ssize_t blocks, moving, slopes; /* w, if slopes are wanted; all slopes: zeta, kappa, w, xi */
    double *level, *clock, *rise, *turn; /* PIECE each, the last two `slopes` times; 0 at first */
} Noise;

static void follow(void *given, int64_t start, int64_t end) {
    const Noise *x = given;
    for (int64_t i = start; i < end; i++) {
        const int64_t at = i - start;
        const double v = x->rate[i], more = x->share ? 1.0 + x->xi * x->share[i] : 1.0;
        const double log_u = v > 0.0 ? log(v * x->per_lr) : 0.0;
        const double plain = v > 0.0 ? exp(x->zeta * log_u) : 0.0;
        x->clock[at] = v * x->steps[i];
        x->level[at] = plain * more;
        if (!x->slopes) continue;
        x->rise[at] = x->level[at] * log_u;
        x->turn[PIECE + at] = x->clock[at];
        for (Py_ssize_t s = 0; s < x->moving; s++) {
            const double slope = x->rate[(1 + s) * x->blocks + i];
            x->rise[(2 + s) * PIECE + at] = v > 0.0 ? x->level[at] * x->zeta * (slope / v) : 0.0;
            x->turn[(2 + s) * PIECE + at] = x->kappa * x->steps[i] * slope;
        }
        if (x->share) x->rise[(2 + x->moving) * PIECE + at] = plain * x->share[i];
    }
}

/* noise(*places, nodes (3, NODES), rates (1 + w, m), steps (m,), share (m,) or empty, zeta, kappa,
 * xi, 1 / reference LR, out (1, n) or (4 + w [+ 1], n)): the value; slopes in zeta, kappa, rho, the
 * w parameters of the weights, and in xi where there is a share */
static PyObject *noise(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    Places p;
    Memory m = {.places = &p};
    Noise x;
    double number[4], *scratch;
    if (!counted(n, 13) || !take_places(&a, args, &p)) return done(&a, 0);
    const Py_ssize_t blocks = x.blocks = p.tree.blocks;
    if (!(m.rates = take(&a, args[4], 3 * NODES, 0))) return done(&a, 0);
    m.weights = m.rates + NODES, m.turned = m.rates + 2 * NODES;
    if (!(x.rate = take(&a, args[5], -1, 0))) return done(&a, 0);
    x.moving = blocks ? length(&a) / blocks - 1 : 0;
    if (!(x.steps = take(&a, args[6], blocks, 0)) || !(x.share = take(&a, args[7], -1, 0)))
        return done(&a, 0);
    const int excess = length(&a) > 0;
    if (excess && length(&a) != blocks) {
        PyErr_SetString(PyExc_ValueError, "a share for every block, or none");
        return done(&a, 0);
    }
    if (!excess) x.share = NULL;
    for (int i = 0; i < 4; i++) number[i] = PyFloat_AsDouble(args[8 + i]);
    x.zeta = number[0], x.kappa = m.kappa = number[1], x.xi = number[2], x.per_lr = number[3];
    if (!(m.out = take(&a, args[12], -1, 1)) || PyErr_Occurred()) return done(&a, 0);
    const int slopes = p.wanted ? length(&a) / p.wanted > 1 : 0;
    if (!slopes) x.moving = 0;
    m.slopes = x.slopes = slopes ? 2 + x.moving + excess : 0;
    if (!few(m.slopes)) return done(&a, 0);
    if (x.moving < 0 || length(&a) != (slopes ? 2 + m.slopes : 1) * p.wanted) {
        PyErr_SetString(PyExc_ValueError, "results and slopes do not fit together");
        return done(&a, 0);
    }
    m.row[0] = 1, m.row[1] = 2, m.rho = slopes ? 3 : 0;
    for (Py_ssize_t s = 2; s < m.slopes; s++) m.row[s] = 2 + s;
    if (!(scratch = calloc((2 + 2 * m.slopes) * PIECE, sizeof *scratch)))
        return PyErr_NoMemory(), done(&a, 0);
    m.level = x.level = scratch, m.clock = x.clock = scratch + PIECE;
    m.level_slopes = x.rise = scratch + 2 * PIECE;
    m.clock_slopes = x.turn = x.rise + m.slopes * PIECE;
    m.room = PIECE;
    const int good = relax(&m, follow, &x);
    free(scratch);
    return done(&a, good);
}

/* ---- weights that grow ------------------------------------------------------------------------ */

enum { SIZE, WHOLE, CPT, PT, FOLLOWED };
#define MOVING 4 /* sigma, decay, unit, grown */

typedef struct {
    double x[FOLLOWED][1 + MOVING];
} Course;

typedef struct {
    const Places *places;
    const double *lr, *steps, *is_cpt, *grow, *share;
    double sigma, decay, unit, grown, scale; /* NaN for what there is not */
    Py_ssize_t slopes, at[MOVING];           /* which slope each parameter is, from 1; 0 for none */
    double *rate, *sums;                     /* (1 + k, m) and (3, 1 + k, n) */
} Growth;

/* (1 - exp(-x)) / x and its slope. */
static inline void mean_fade(double x, double fade, double left, double *value, double *slope) {
    if (x < 1e-4) {
        *value = 1.0 - x / 2.0 + x * x / 6.0;
        *slope = -0.5 + x / 3.0 - x * x / 8.0;
    } else {
        *value = left / x;
        *slope = (fade - *value) / x;
    }
}

static void grow(const Growth *g, int64_t i, Course *c) {
    const Places *p = g->places;
    const Py_ssize_t k = g->slopes, blocks = p->tree.blocks;
    const int in_unit = !isnan(g->unit) && g->is_cpt[i] > 0.0;
    const double lr = in_unit ? g->unit * g->lr[i] : g->lr[i];
    double rate[1 + MOVING] = {lr * g->scale}, *q = c->x[SIZE], old[1 + MOVING];
    if (in_unit && k) rate[g->at[2]] = g->lr[i] * g->scale;
    if (!isnan(g->sigma)) {
        double growth = lr / g->sigma, fade = 1.0, left = 0.0, mean = 1.0, bend = 0.0, pull = 0.0;
        growth = growth * growth * (g->steps[i] * g->grow[i]);
        if (!isnan(g->decay)) {
            pull = g->decay * (2.0 * g->lr[i] * g->steps[i] * g->share[i]);
            fading(pull, &fade, &left);
            mean_fade(pull, fade, left, &mean, &bend);
        }
        memcpy(old, q, sizeof old);
        for (Py_ssize_t s = 0; s <= k; s++) q[s] *= fade;
        q[0] += growth * mean;
        if (k) {
            q[g->at[0]] -= 2.0 * growth * mean / g->sigma;
            if (!isnan(g->decay)) q[g->at[1]] += pull / g->decay * (growth * bend - fade * old[0]);
            if (in_unit) q[g->at[2]] += 2.0 * growth * mean / g->unit;
        }
        const double middle = 0.5 * (q[0] + old[0]), root = 1.0 / sqrt(middle);
        for (Py_ssize_t s = 1; s <= k; s++)
            rate[s] = root * (rate[s] - 0.25 * rate[0] * (q[s] + old[s]) / middle);
        rate[0] *= root;
    }
    for (Py_ssize_t s = 0; s <= k; s++) {
        const double moved = rate[s] * g->steps[i];
        g->rate[s * blocks + i] = rate[s];
        c->x[WHOLE][s] += moved;
        c->x[g->is_cpt[i] > 0.0 ? CPT : PT][s] += moved;
    }
    if (p->first[i] == p->first[i + 1]) return;
    for (int sum = WHOLE; sum < FOLLOWED; sum++)
        for (Py_ssize_t s = 0; s <= k; s++)
            give(p, i, g->sums, (sum - WHOLE) * (1 + k) + s, c->x[sum][s]);
}

/* effective(*places, lr, steps, is_cpt, grow, share (m,) each, (sigma, decay, unit, grown, scale),
 * rate (1 + k, m), sums (3, 1 + k, n)): k is 0, or the number of those four that there are */
static PyObject *effective(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    Places p;
    Growth g = {.places = &p};
    const double *row[5];
    double number[5];
    if (!counted(n, 12) || !take_places(&a, args, &p)) return done(&a, 0);
    for (int i = 0; i < 5; i++)
        if (!(row[i] = take(&a, args[4 + i], p.tree.blocks, 0))) return done(&a, 0);
    g.lr = row[0], g.steps = row[1], g.is_cpt = row[2], g.grow = row[3], g.share = row[4];
    for (int i = 0; i < 5; i++) {
        PyObject *item = PySequence_GetItem(args[9], i);
        if (!item) return done(&a, 0);
        number[i] = PyFloat_AsDouble(item);
        Py_DECREF(item);
    }
    if (PyErr_Occurred()) return done(&a, 0);
    g.sigma = number[0], g.decay = number[1], g.unit = number[2], g.grown = number[3];
    g.scale = number[4];
    if (!(g.rate = take(&a, args[10], -1, 1))) return done(&a, 0);
    g.slopes = p.tree.blocks ? length(&a) / p.tree.blocks - 1 : 0;
    Py_ssize_t there = 0;
    for (int i = 0; i < MOVING; i++) g.at[i] = isnan(number[i]) || !g.slopes ? 0 : ++there;
    if (g.slopes && g.slopes != there) {
        PyErr_SetString(PyExc_ValueError, "as many slopes as parameters, or none");
        return done(&a, 0);
    }
    if (!(g.sums = take(&a, args[11], 3 * (1 + g.slopes) * p.wanted, 1))) return done(&a, 0);
    Course c, *kept = malloc((p.slots + 1) * sizeof *kept);
    if (!kept) return PyErr_NoMemory(), done(&a, 0);
    for (Py_ssize_t s = 0; s < p.tree.count; s++) {
        if (p.tree.before[s] >= 0) c = kept[p.slot[p.tree.before[s]]];
        else {
            memset(&c, 0, sizeof c);
            c.x[SIZE][0] = isnan(g.grown) ? 1.0 : g.grown;
            if (g.at[3]) c.x[SIZE][g.at[3]] = 1.0;
        }
        for (int64_t i = p.tree.start[s]; i < p.tree.end[s]; i++) {
            grow(&g, i, &c);
            if (p.slot[i] >= 0) kept[p.slot[i]] = c;
        }
    }
    free(kept);
    return done(&a, 1);
}

/* ---- areas along single steps ----------------------------------------------------------------- */

/* Stretches of learning rates, and the steps at which sums are wanted, in order. */
typedef struct {
    PyObject *lrs;         /* a list of arrays */
    const double *before;  /* (s,): LR before the first step */
    const int64_t *warmup; /* (s,): first steps that count as if at the LR of the last of them */
    const int64_t *first;  /* (s + 1,): of `steps`, those on each stretch */
    const int64_t *steps;  /* (w,): 0 is before the first step */
    Py_ssize_t count, wanted;
} Stretches;

static int take_stretches(Arguments *a, PyObject *const *args, Stretches *s) {
    s->lrs = args[0];
    s->count = PySequence_Size(s->lrs);
    if (s->count < 0 || !(s->before = take(a, args[1], s->count, 0))) return 0;
    if (!(s->warmup = take(a, args[2], s->count, 0))) return 0;
    if (!(s->first = take(a, args[3], s->count + 1, 0))) return 0;
    if (!(s->steps = take(a, args[4], -1, 0))) return 0;
    s->wanted = length(a);
    for (Py_ssize_t i = 0; i < s->count; i++) {
        if (s->first[i] >= 0 && s->first[i] <= s->first[i + 1] && s->first[i + 1] <= s->wanted)
            continue;
        PyErr_SetString(PyExc_ValueError, "steps must lie on stretches in order");
        return 0;
    }
    return 1;
}

/* The learning rates of stretch i, long enough for all that is wanted of it, or NULL. */
static const double *stretch(Arguments *a, const Stretches *s, Py_ssize_t i, double *top) {
    PyObject *item = PySequence_GetItem(s->lrs, i);
    const double *lr = item ? take(a, item, -1, 0) : NULL;
    Py_XDECREF(item); /* the buffer holds it */
    if (!lr) return NULL;
    int64_t last = 0;
    for (int64_t p = s->first[i]; p < s->first[i + 1]; p++) {
        if (s->steps[p] < last || s->steps[p] > length(a)) {
            PyErr_SetString(PyExc_ValueError, "steps must be in order, none past its stretch");
            return NULL;
        }
        last = s->steps[p];
    }
    if (s->warmup[i] < 0 || s->warmup[i] > length(a)) {
        PyErr_SetString(PyExc_ValueError, "a warm-up longer than its stretch");
        return NULL;
    }
    *top = s->warmup[i] ? lr[s->warmup[i] - 1] : 0.0;
    return lr;
}

static double sum_to(const double *lr, int64_t from, int64_t to, double total) {
    for (int64_t t = from; t < to; t++) total += lr[t];
    return total;
}

/* forward(*stretches, out (w,)): S1 */
static PyObject *forward(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    Stretches s;
    double *out, top;
    if (!counted(n, 6) || !take_stretches(&a, args, &s)) return done(&a, 0);
    if (!(out = take(&a, args[5], s.wanted, 1))) return done(&a, 0);
    for (Py_ssize_t i = 0; i < s.count; i++) {
        const double *lr = stretch(&a, &s, i, &top);
        if (!lr) return done(&a, 0);
        double total = 0.0;
        int64_t t = 0;
        for (int64_t p = s.first[i]; p < s.first[i + 1]; p++) {
            for (; t < s.steps[p] && t < s.warmup[i]; t++) total += top;
            total = sum_to(lr, t, s.steps[p], total);
            if (t < s.steps[p]) t = s.steps[p];
            out[p] = total;
        }
        PyBuffer_Release(&a.held[--a.count]);
    }
    return done(&a, 1);
}

typedef struct {
    double m, d_m, area, d_lambda, d_epsilon, lr;
} Momentum;

#define SOON 128 /* steps after which what is nearly 0 is made 0: the least numbers are slow */
#define NOTHING 1e-200

FOR_EACH_MACHINE
static void momentum(const double *lr, int64_t from, int64_t to, double lambda, Momentum *x) {
    double m = x->m, d = x->d_m, before = x->lr;
    while (from < to) {
        const int64_t end = to - from > SOON ? from + SOON : to;
        for (; from < end; from++) {
            const double now = lr[from];
            d = lambda * d + m;
            m = lambda * m + (before - now);
            before = now;
        }
        if (fabs(m) < NOTHING) m = 0.0;
        if (fabs(d) < NOTHING) d = 0.0;
    }
    x->m = m, x->d_m = d, x->lr = before;
}

/* The same with sums of momenta that are weighted by LR**epsilon. */
static void weighted(const double *lr, int64_t from, int64_t to, double lambda, double epsilon,
                     Momentum *x) {
    double last = NAN, weight = 0.0, log_lr = 0.0;
    for (int64_t t = from; t < to; t++) {
        momentum(lr, t, t + 1, lambda, x);
        if (lr[t] != last) {
            last = lr[t];
            log_lr = last > 0.0 ? log(last) : 0.0;
            weight = epsilon == 0.0 ? 1.0 : last > 0.0 ? exp(epsilon * log_lr) : 0.0;
        }
        x->area += x->m * weight;
        x->d_lambda += x->d_m * weight;
        x->d_epsilon += x->m * weight * log_lr;
    }
}

static void go_on(const double *lr, int64_t from, int64_t to, double lambda, double epsilon,
                  Momentum *x) {
    if (isnan(epsilon)) momentum(lr, from, to, lambda, x);
    else weighted(lr, from, to, lambda, epsilon, x);
}

/* annealing(*stretches, lambda, epsilon or NaN, out (5, w)): S2, its slopes in lambda and epsilon,
 * the momentum and its slope in lambda */
static PyObject *annealing(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    Stretches s;
    double *out, top;
    if (!counted(n, 8) || !take_stretches(&a, args, &s)) return done(&a, 0);
    const double lambda = PyFloat_AsDouble(args[5]), epsilon = PyFloat_AsDouble(args[6]);
    if (PyErr_Occurred() || !(out = take(&a, args[7], 5 * s.wanted, 1))) return done(&a, 0);
    for (Py_ssize_t i = 0; i < s.count; i++) {
        const double *lr = stretch(&a, &s, i, &top);
        if (!lr) return done(&a, 0);
        Momentum x = {.lr = s.before[i]};
        int64_t t = 0;
        for (int64_t p = s.first[i]; p < s.first[i + 1]; p++) {
            for (; t < s.steps[p] && t < s.warmup[i]; t++) go_on(&top, 0, 1, lambda, epsilon, &x);
            if (t < s.steps[p]) go_on(lr, t, s.steps[p], lambda, epsilon, &x), t = s.steps[p];
            if (isnan(epsilon)) {
                /* S2 = lambda * (S2 - m) + (before - lr), see areas.py */
                x.area = (s.before[i] - x.lr - lambda * x.m) / (1.0 - lambda);
                x.d_lambda = (x.area - x.m - lambda * x.d_m) / (1.0 - lambda);
            }
            const double row[5] = {x.area, x.d_lambda, x.d_epsilon, x.m, x.d_m};
            for (int r = 0; r < 5; r++) out[r * s.wanted + p] = row[r];
        }
        PyBuffer_Release(&a.held[--a.count]);
    }
    return done(&a, 1);
}

/* ---- how histories are cut -------------------------------------------------------------------- */

/* common(x, y): how many numbers two arrays have in common from the first on */
static PyObject *common(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    const double *x, *y;
    if (!counted(n, 2) || !(x = take(&a, args[0], -1, 0))) return done(&a, 0);
    Py_ssize_t size = length(&a), i = 0;
    if (!(y = take(&a, args[1], -1, 0))) return done(&a, 0);
    if (length(&a) < size) size = length(&a);
    while (i + 64 <= size && !memcmp(x + i, y + i, 64 * sizeof *x)) i += 64;
    while (i < size && x[i] == y[i]) i++;
    release(&a);
    return PyLong_FromSsize_t(i);
}

typedef struct {
    const double *pt, *cpt;
    int64_t pt_steps, last; /* of the PT; of both, as far as they are wanted */
} Lrs;

static inline double lr_at(const Lrs *h, int64_t t) {
    return t < h->pt_steps ? h->pt[t] : h->cpt[t - h->pt_steps];
}

typedef struct {
    double levels, rise;
    int64_t shortest, longest, growth;
} Rules;

/* Mark ends of blocks that grow with the steps since `begin`. */
static void growing(char *cut, int64_t begin, int64_t end, const Rules *r) {
    for (int64_t t = begin; t < end;) {
        int64_t more = (t - begin) / r->growth;
        cut[t] = 1;
        if (more < r->shortest) more = r->shortest;
        t += more < r->longest ? more : r->longest;
    }
    cut[end] = 1;
}

/* Mark all ends of blocks; see branching.py, which does the same. */
static void mark(const Lrs *h, int64_t start, const Rules *r, char *cut) {
    double peak = 0.0, gone = 0.0, level = 0.0, low = INFINITY, last = 0.0;
    int64_t begin = start;
    int up = 0;
    for (int64_t t = 0; t < h->last; t++) {
        const double now = lr_at(h, t);
        if (!t || now > peak) peak = now;
    }
    if (peak == 0.0) peak = 1.0;
    cut[start] = cut[h->last] = 1;
    for (int64_t t = 0; t < h->last; t++) {
        const double now = lr_at(h, t);
        if (t) {
            gone += fabs(now - last);
            const double here = floor(gone / peak * r->levels + 1e-9);
            if (here != level && t >= start) cut[t] = 1;
            level = here;
        }
        /* A rise has ended with the step before: it went up to it, and no more. */
        int rose = t && now > last;
        if (up && !rose) {
            if (last - low > r->rise * peak) {
                if (t > start) growing(cut, begin, t, r), begin = t;
                low = INFINITY;
            }
        }
        up = rose;
        if (now < low) low = now;
        if (t == h->pt_steps && t > start && t > begin) growing(cut, begin, t, r), begin = t;
        last = now;
    }
    growing(cut, begin, h->last, r);
}

/* cut(pt_lr, cpt_lr, last, start, marks (k,), (levels, shortest, longest, growth, rise)): ends of
 * the blocks from step `start` to `last`, and their mean LR, as bytes of int64 and of float64 */
static PyObject *cut(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    Lrs h;
    Rules r;
    const int64_t *marks;
    if (!counted(n, 6) || !(h.pt = take(&a, args[0], -1, 0))) return done(&a, 0);
    h.pt_steps = length(&a);
    if (!(h.cpt = take(&a, args[1], -1, 0))) return done(&a, 0);
    const int64_t total = h.pt_steps + length(&a);
    h.last = PyLong_AsLongLong(args[2]);
    const int64_t start = PyLong_AsLongLong(args[3]);
    if (PyErr_Occurred() || !(marks = take(&a, args[4], -1, 0))) return done(&a, 0);
    const Py_ssize_t marked = length(&a);
    double rule[5];
    for (int i = 0; i < 5; i++) {
        PyObject *item = PySequence_GetItem(args[5], i);
        rule[i] = item ? PyFloat_AsDouble(item) : 0.0;
        Py_XDECREF(item);
    }
    if (PyErr_Occurred()) return done(&a, 0);
    r = (Rules){rule[0], rule[4], (int64_t)rule[1], (int64_t)rule[2], (int64_t)rule[3]};
    if (start < 0 || start > h.last || h.last > total || r.growth < 1 || r.longest < 1) {
        PyErr_SetString(PyExc_ValueError, "a stretch that does not lie on its history");
        return done(&a, 0);
    }
    char *ends = calloc(h.last + 1, 1);
    if (!ends) return PyErr_NoMemory(), done(&a, 0);
    if (h.last > start) mark(&h, start, &r, ends);
    ends[start] = 1;
    for (Py_ssize_t i = 0; i < marked; i++)
        if (marks[i] > start && marks[i] <= h.last) ends[marks[i]] = 1;
    Py_ssize_t count = 0;
    for (int64_t t = start; t <= h.last; t++) count += ends[t];
    PyObject *cuts = PyBytes_FromStringAndSize(NULL, 8 * count);
    PyObject *means = PyBytes_FromStringAndSize(NULL, 8 * (count - 1));
    if (cuts && means) {
        int64_t *at = (int64_t *)PyBytes_AsString(cuts), before = start;
        double *mean = (double *)PyBytes_AsString(means), sum = 0.0, known = 0.0;
        for (int64_t t = 0; t <= h.last; t++) {
            if (t == start) known = sum, *at++ = t;
            else if (t > start && ends[t]) {
                *mean++ = (sum - known) / (double)(t - before);
                known = sum, before = t, *at++ = t;
            }
            if (t < h.last) sum += lr_at(&h, t);
        }
    }
    free(ends);
    release(&a);
    return cuts && means ? Py_BuildValue("NN", cuts, means)
                         : (Py_XDECREF(cuts), Py_XDECREF(means), NULL);
}

/* ---- the best coefficients -------------------------------------------------------------------- */

#define TERMS 16
#define LANES 8  /* sums that a machine does at once; points are taken so many at a time */
#define SINGULAR 1e-12

typedef struct {
    Py_ssize_t terms, points;
    const double *columns, *log_loss, *counts, *low, *high, *centre, *sharp, *tails;
    double delta, weight, rest;
} Robust;

/* At coefficients: the objective, its gradient, and its curvature as if all residuals were squares
 * (`flat`, weighted as the Huber loss bends) and as it is (`bent`, but not below 0). */
typedef struct {
    double value, gradient[TERMS], drawn[TERMS], flat[TERMS][TERMS], bent[TERMS][TERMS];
} Sums;

static double added(const double *lanes) {
    double sum = 0.0;
    for (int k = 0; k < LANES; k++) sum += lanes[k];
    return sum;
}

static void priors(const Robust *x, const double *c, Sums *s) {
    for (Py_ssize_t t = 0; t < x->terms; t++) {
        const double sharp = x->sharp[t] * x->sharp[t], far = c[t] - x->centre[t];
        const double square = sharp * far * far, heavy = x->tails[t] * square;
        s->drawn[t] = x->weight * sharp / (1.0 + heavy);
        s->gradient[t] += s->drawn[t] * far;
        s->value += 0.5 * x->weight * (x->tails[t] > 0.0 ? log1p(heavy) / x->tails[t] : square);
    }
}

FOR_EACH_MACHINE
static void robust(const Robust *x, const double *c, Sums *s) {
    const Py_ssize_t m = x->terms;
    double value[LANES] = {0}, slope[TERMS][LANES] = {{0}};
    double flat[TERMS][TERMS][LANES], bent[TERMS][TERMS][LANES];
    for (Py_ssize_t t = 0; t < m; t++)
        for (Py_ssize_t u = 0; u <= t; u++)
            for (int k = 0; k < LANES; k++) flat[t][u][k] = bent[t][u][k] = 0.0;
    for (Py_ssize_t i = 0; i < x->points; i += LANES) {
        const int some = x->points - i < LANES ? (int)(x->points - i) : LANES;
        double column[TERMS][LANES] = {{0}}, loss[LANES] = {0};
        double pull[LANES] = {0}, square[LANES] = {0}, own[LANES] = {0};
        for (Py_ssize_t t = 0; t < m; t++)
            for (int k = 0; k < some; k++) {
                column[t][k] = x->columns[t * x->points + i + k];
                loss[k] += c[t] * column[t][k];
            }
        for (int k = 0; k < some; k++) {
            if (!(loss[k] > 0.0)) {
                s->value = INFINITY;
                return;
            }
            const double r = log(loss[k]) - x->log_loss[i + k], size = fabs(r);
            const double held = size <= x->delta ? r : copysign(x->delta, r);
            const double count = x->counts[i + k], per_square = count / (loss[k] * loss[k]);
            value[k] += count * held * (r - 0.5 * held);
            pull[k] = count * held / loss[k];
            square[k] = size <= x->delta ? per_square : per_square * x->delta / size;
            own[k] = fmax((size <= x->delta ? per_square : 0.0) - pull[k] / loss[k], 0.0);
        }
        for (Py_ssize_t t = 0; t < m; t++) {
            for (int k = 0; k < LANES; k++) slope[t][k] += pull[k] * column[t][k];
            for (Py_ssize_t u = 0; u <= t; u++)
                for (int k = 0; k < LANES; k++) {
                    const double both = column[t][k] * column[u][k];
                    flat[t][u][k] += square[k] * both;
                    bent[t][u][k] += own[k] * both;
                }
        }
    }
    s->value = added(value) + x->rest;
    for (Py_ssize_t t = 0; t < m; t++) {
        s->gradient[t] = added(slope[t]);
        for (Py_ssize_t u = 0; u <= t; u++) {
            s->flat[t][u] = s->flat[u][t] = added(flat[t][u]);
            s->bent[t][u] = s->bent[u][t] = added(bent[t][u]);
        }
    }
    priors(x, c, s);
}

/* The step along free coefficients, by Cholesky's method; 0 where the system is singular. */
static int newton_step(const Sums *s, const Py_ssize_t *free, Py_ssize_t count, double damping,
                       double *step) {
    double system[TERMS][TERMS], scale[TERMS];
    for (Py_ssize_t i = 0; i < count; i++) {
        const Py_ssize_t t = free[i];
        for (Py_ssize_t j = 0; j <= i; j++)
            system[i][j] = s->bent[t][free[j]] + damping * s->flat[t][free[j]];
        system[i][i] += (1.0 + damping) * s->drawn[t];
        if (!(system[i][i] > 0.0)) return 0;
        scale[i] = sqrt(system[i][i]);
        step[i] = s->gradient[t] / scale[i];
    }
    for (Py_ssize_t i = 0; i < count; i++)
        for (Py_ssize_t j = 0; j <= i; j++) {
            double left = system[i][j] / (scale[i] * scale[j]);
            for (Py_ssize_t k = 0; k < j; k++) left -= system[i][k] * system[j][k];
            if (i == j && !(left > SINGULAR)) return 0;
            system[i][j] = i == j ? sqrt(left) : left / system[j][j];
        }
    for (Py_ssize_t i = 0; i < count; i++) {
        for (Py_ssize_t k = 0; k < i; k++) step[i] -= system[i][k] * step[k];
        step[i] /= system[i][i];
    }
    for (Py_ssize_t i = count; i-- > 0;) {
        for (Py_ssize_t k = i + 1; k < count; k++) step[i] -= system[k][i] * step[k];
        step[i] /= system[i][i];
    }
    for (Py_ssize_t i = 0; i < count; i++) step[i] /= scale[i];
    return 1;
}

/* Newton's method for the coefficients, as `fitting/coefficients.py`; 0 where that must go on. */
static int newton(const Robust *x, const double *rules, double *c) {
    const double good_enough = rules[2], first = rules[3], after = rules[4];
    const double harder = rules[5], softer = rules[6];
    double damping = first, moved[TERMS], step[TERMS];
    Sums at, there;
    robust(x, c, &at);
    for (int i = 0; i < (int)rules[0]; i++) {
        Py_ssize_t free[TERMS], count = 0;
        int tries = 0;
        for (Py_ssize_t t = 0; t < x->terms; t++) {
            const double g = at.gradient[t];
            if (!((c[t] <= x->low[t] && g >= 0.0) || (c[t] >= x->high[t] && g <= 0.0)))
                free[count++] = t;
        }
        if (!count) return 1;
        for (; tries < (int)rules[1]; tries++) {
            if (!newton_step(&at, free, count, damping, step)) return 0;
            memcpy(moved, c, sizeof(double) * x->terms);
            for (Py_ssize_t j = 0; j < count; j++) moved[free[j]] -= step[j];
            for (Py_ssize_t t = 0; t < x->terms; t++)
                moved[t] = fmin(fmax(moved[t], x->low[t]), x->high[t]);
            robust(x, moved, &there);
            if (there.value < at.value) break;
            damping = fmax(damping * harder, after);
        }
        if (tries == (int)rules[1]) return 1;
        memcpy(c, moved, sizeof(double) * x->terms);
        damping = fmax(damping / softer, first);
        if (at.value - there.value <= good_enough * there.value) return 1;
        at = there;
    }
    return 1;
}

/* coefficients(columns (m, n), log losses (n,), counts (n,), bounds (2, m), priors (3, m), numbers:
 * delta, weight of priors, rest of the objective, rules: steps, tries, a gain that ends it, damping
 * at first and after a failure, harder, softer; coefficients (m,), from which and to which);
 * whether they are the best. */
static PyObject *coefficients(PyObject *self, PyObject *const *args, Py_ssize_t n) {
    Arguments a = {.count = 0};
    Robust x;
    const double *ends, *drawn, *numbers, *rules;
    double *c;
    if (!counted(n, 8) || !(x.columns = take(&a, args[0], -1, 0))) return done(&a, 0);
    const Py_ssize_t cells = length(&a);
    if (!(x.log_loss = take(&a, args[1], -1, 0))) return done(&a, 0);
    x.points = length(&a);
    x.terms = x.points ? cells / x.points : 0;
    if (x.terms < 1 || x.terms > TERMS || x.terms * x.points != cells) {
        PyErr_SetString(PyExc_ValueError, "expected columns of all points, of 1 to 16 terms");
        return done(&a, 0);
    }
    if (!(x.counts = take(&a, args[2], x.points, 0))
        || !(ends = take(&a, args[3], 2 * x.terms, 0))
        || !(drawn = take(&a, args[4], 3 * x.terms, 0)) || !(numbers = take(&a, args[5], 3, 0))
        || !(rules = take(&a, args[6], 7, 0)) || !(c = take(&a, args[7], x.terms, 1)))
        return done(&a, 0);
    x.low = ends, x.high = ends + x.terms;
    x.centre = drawn, x.sharp = drawn + x.terms, x.tails = drawn + 2 * x.terms;
    x.delta = numbers[0], x.weight = numbers[1], x.rest = numbers[2];
    const int good = newton(&x, rules, c);
    release(&a);
    return PyBool_FromLong(good);
}

/* ---- the module ------------------------------------------------------------------------------- */

#define FUNCTION(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, NULL}

static PyMethodDef functions[] = {
    FUNCTION(solve), FUNCTION(summed), FUNCTION(relaxed), FUNCTION(noise), FUNCTION(effective),
    FUNCTION(forward), FUNCTION(annealing), FUNCTION(common), FUNCTION(cut),
    FUNCTION(coefficients),
    {NULL, NULL, 0, NULL},
};

static int fill(PyObject *module) {
    return PyModule_AddIntConstant(module, "SOURCE", SOURCE)
           || PyModule_AddIntConstant(module, "NODES", NODES);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)fill}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "recurrences",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit_recurrences(void) { return PyModuleDef_Init(&definition); }
