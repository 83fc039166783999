// Chooses a token by the scores of a vocabulary: `candidates.py` in compiled passes.
//
// The choices are those of candidates.py to the last bit, or none. Exponentials are computed by
// numpy's own loops, so that weights are the same numbers; sums may be added up in another order,
// so whatever lies within rounding of a border is left to candidates.py: the token is -1 then. Not
// to be compiled with -ffast-math.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

namespace funland {

constexpr float kLowest = -std::numeric_limits<float>::infinity();
constexpr int kUndecided = -1;

constexpr int kBlock = 1024;
constexpr int kSmallBlock = 128;  // of vocabularies below `kSmall`
constexpr int kSmall = 32768;
// Of 16, all may lie across two lines of the cache: numpy's arrays begin anywhere. What computes more
// than it reads is faster with them all the same.
constexpr int kLanes = 8;
constexpr int kWide = 16;
// Vectors of the compiler's own (GCC, Clang): they become what the processor has.
typedef float Floats __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef float WideFloats __attribute__((vector_size(kWide * sizeof(float))));
typedef int32_t WideInts __attribute__((vector_size(kWide * sizeof(int32_t))));

constexpr int kMostRanked = 1024;  // `_FIRST_TRY` of candidates.py
constexpr int kFewLanes = 4;
constexpr int kFewRanked = 128;    // nearly always enough for top_p, and sorted sooner

constexpr int kMostHalvings = 100;  // of numbers in the worst order; 20 are usual

// Of a sum: by how much two orders of adding up may differ. In double precision 2^18 numbers differ
// by 3e-11 at most; numpy adds up to 1,024 in single precision pairwise, 22 roundings one after
// another at most.
constexpr double kSlack = 1e-10;
constexpr double kSingleSlack = 4e-6;
// Estimated weights are within 9e-6 of theirs down to a billionth of the largest: 3e-6 the
// polynomial, 5e-6 the rounding of the exponent, 1e-6 that of sums.
constexpr double kEstimateSlack = 2e-5;

constexpr float kLog2E = 1.442695041f;
// 2 to the power of -0.5 to 0.5, within 3e-6 of itself.
constexpr float kPower[] = {0.9999992847442627f, 0.6931217908859253f, 0.240247443318367f,
                            0.05591785907745361f, 0.009570100344717503f};

// A loop of numpy's (PyUFuncGenericFunction): arguments, count, steps in bytes, data.
using Loop = void (*)(char **, const std::ptrdiff_t *, const std::ptrdiff_t *, void *);

struct Exponential {
    Loop loop = nullptr;
    void *data = nullptr;

    template <typename Number>
    void apply(Number *values, std::ptrdiff_t count) const {
        char *arguments[2] = {reinterpret_cast<char *>(values), reinterpret_cast<char *>(values)};
        const std::ptrdiff_t steps[2] = {sizeof(Number), sizeof(Number)};
        loop(arguments, &count, steps, data);
    }
};

inline Exponential single_exponential, double_exponential;

// What is asked for one text; compiled.py has the same.
struct Row {
    const float *scores;
    double chance;
    double temperature;
    double top_p;
    float log_min_p;  // minus infinity: none
    int32_t top_k;
};

class Chooser {
  public:
    explicit Chooser(int64_t size)
        : size_(static_cast<int>(size)), block_(size < kSmall ? kSmallBlock : kBlock),
          blocks_((size_ + block_ - 1) / block_), maxima_(static_cast<size_t>(blocks_) * kLanes),
          peaks_(blocks_), sums_(blocks_) {}

    int choose(const Row &row) {
        scores_ = row.scores;
        survey();
        if (!std::isfinite(highest_)) return kUndecided;
        if (row.temperature == 0) return first_highest();
        const bool limited = 0 < row.top_k && row.top_k < size_;
        if (limited || row.top_p < 1) {
            if (!(limited ? rank_few(row) : rank_share(row))) return kUndecided;
        } else if (row.log_min_p == kLowest) {
            return draw_of_all(row);
        } else {
            tokens_.clear();
            collect(highest_ + row.log_min_p);
        }
        return draw_of_some(row);
    }

  private:
    // The block's scores, padded with minus infinity to its full length.
    const float *block(int number) {
        const int begin = number * block_;
        if (begin + block_ <= size_) return scores_ + begin;
        const int rest = size_ - begin;
        std::memcpy(padded_, scores_ + begin, rest * sizeof(float));
        std::fill(padded_ + rest, padded_ + block_, kLowest);
        return padded_;
    }

    // One pass over all scores: the highest of each lane of each block, and of all; a NaN if there
    // is any.
    void survey() {
        Ints largest = {};  // of the bits without their sign: NaNs are above infinity
        Floats highest = Floats{} + kLowest;
        for (int number = 0; number < blocks_; ++number) {
            const float *values = block(number);
            // Four at a time, each with a variable of its own: none waits for the one before.
            Floats most = load(values), most2 = most, most3 = most, most4 = most;
            Ints large = magnitude(most);
            for (int at = 0; at < block_; at += 4 * kLanes) {
                const Floats one = load(values + at), two = load(values + at + kLanes),
                             three = load(values + at + 2 * kLanes),
                             four = load(values + at + 3 * kLanes);
                most = higher(one, most), most2 = higher(two, most2);
                most3 = higher(three, most3), most4 = higher(four, most4);
                large = larger(large, larger(larger(magnitude(one), magnitude(two)),
                                             larger(magnitude(three), magnitude(four))));
            }
            most = higher(higher(most, most2), higher(most3, most4));
            largest = larger(largest, large);
            std::memcpy(&maxima_[number * kLanes], &most, sizeof most);
            highest = higher(most, highest);
        }
        constexpr int32_t infinity = 0x7f800000;
        highest_ = kLowest;
        bool number = true;
        for (int lane = 0; lane < kLanes; ++lane) {
            highest_ = std::max(highest_, highest[lane]);
            number = number && largest[lane] <= infinity;
        }
        if (!number) highest_ = std::numeric_limits<float>::quiet_NaN();
    }

    static Floats load(const float *from) {
        Floats values;
        std::memcpy(&values, from, sizeof values);
        return values;
    }
    static Ints magnitude(Floats values) {
        return reinterpret_cast<Ints>(values) & 0x7fffffff;
    }
    // The second if any is no number.
    static Floats higher(Floats one, Floats other) { return one > other ? one : other; }
    static Ints larger(Ints one, Ints other) { return one > other ? one : other; }

    bool has(int number, float least) const {
        const float *most = &maxima_[number * kLanes];
        return std::any_of(most, most + kLanes, [least](float one) { return one >= least; });
    }

    int first_highest() {
        int number = 0;
        while (!has(number, highest_)) ++number;
        const float *values = block(number);
        return number * block_ + static_cast<int>(std::find(values, values + block_, highest_) -
                                                  values);
    }

    // Adds all tokens of at least this score, by token; never one of minus infinity.
    void collect(float least) {
        least = std::max(least, -std::numeric_limits<float>::max());
        for (int number = 0; number < blocks_; ++number) {
            const float *most = &maxima_[number * kLanes];
            int lanes[kLanes], found = 0;
            for (int lane = 0; lane < kLanes; ++lane) {
                lanes[found] = lane;
                found += most[lane] >= least;
            }
            if (found == 0) continue;
            const float *values = block(number);
            const size_t before = tokens_.size();
            tokens_.resize(before + block_);
            int *const first = tokens_.data() + before, *next = first;
            const auto add = [&](int at) {
                *next = number * block_ + at;
                next += values[at] >= least;
            };
            if (found > kFewLanes) {
                for (int at = 0; at < block_; ++at) add(at);
            } else {
                for (int one = 0; one < found; ++one)
                    for (int at = lanes[one]; at < block_; at += kLanes) add(at);
                std::sort(first, next);
            }
            tokens_.resize(before + static_cast<size_t>(next - first));
        }
    }

    // `likeliest`: the tokens of the highest scores, the highest first, equal ones by token.
    void rank(size_t count) {
        // As many scores are as high as the last of so many maxima: none below counts. The maxima of
        // several lanes each sort most of the lanes out first.
        float bound = kLowest;
        if (count < peaks_.size()) {
            std::fill(peaks_.begin(), peaks_.end(), kLowest);
            for (size_t begin = 0; begin < maxima_.size(); begin += peaks_.size())
                for (size_t at = 0; at < peaks_.size(); ++at)
                    peaks_[at] = std::max(peaks_[at], maxima_[begin + at]);
            bound = last_of_highest(peaks_, count);
        }
        if (count < maxima_.size()) {
            highest_lanes_.clear();
            for (const float most : maxima_)
                if (most >= bound) highest_lanes_.push_back(most);
            bound = last_of_highest(highest_lanes_, count);
        }
        tokens_.clear();
        collect(bound);
        keys_.clear();
        for (const int token : tokens_) keys_.push_back(key(scores_[token], token));
        if (keys_.size() > count) {
            const auto end = keys_.begin() + static_cast<std::ptrdiff_t>(count);
            std::nth_element(keys_.begin(), end, keys_.end());
            keys_.erase(end, keys_.end());
        }
        std::sort(keys_.begin(), keys_.end());
        tokens_.clear();
        for (const uint64_t one : keys_) tokens_.push_back(static_cast<int>(one & 0xffffffff));
    }

    // Numbers in the order of the scores, the highest first, and of the tokens of equal ones.
    static uint64_t key(float score, int token) {
        const float value = score + 0.0f;  // there is a zero below zero
        uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        const uint32_t rank = bits & 0x80000000 ? bits : ~bits & 0x7fffffff;
        return static_cast<uint64_t>(rank) << 32 | static_cast<uint32_t>(token);
    }

    // The `count`-th highest; disorders them.
    static float last_of_highest(std::vector<float> &values, size_t count) {
        const auto last = values.begin() + static_cast<std::ptrdiff_t>(count - 1);
        std::nth_element(values.begin(), last, values.end(), std::greater<float>());
        return *last;
    }

    // What top_k, and top_p after it, leave. False: undecided.
    bool rank_few(const Row &row) {
        if (row.top_k > kMostRanked) return false;
        rank(static_cast<size_t>(row.top_k));
        if (row.top_p >= 1) return true;
        weigh_tokens();
        double sum = 0;
        for (const float weight : singles_) sum += weight;
        return cut(row.top_p * sum, kSingleSlack * sum) == Cut::done;
    }

    // What top_p leaves of the whole vocabulary. False: undecided, or more than are ranked here.
    bool rank_share(const Row &row) {
        const double near = estimate_all(1.0f);
        Cut found = rank_sum(row.top_p * near, kEstimateSlack * near);
        if (found == Cut::undecided) {
            const double sum = weigh_all(1.0f);
            found = rank_sum(row.top_p * sum, kSlack * sum);
        }
        return found == Cut::short_of ? select_share(row.top_p) : found == Cut::done;
    }

    // As `rank_share` where many tokens are left: those above the weight at which the sum of the
    // highest reaches the goal, then the first of that weight, each by token. Halves what may have that
    // weight until it is found. False: undecided.
    bool select_share(double share) {
        all_.resize(static_cast<size_t>(blocks_) * block_);
        const double sum = weigh_all(1.0f, all_.data());
        const double goal = share * sum, slack = kSlack * sum;
        rest_ = all_;
        auto begin = rest_.begin(), end = rest_.end();
        double above = 0;
        for (int tries = 0; tries < kMostHalvings && begin != end; ++tries) {
            const float last = *(end - 1), middle = begin[(end - begin) / 2];
            const float pivot = std::max(std::min(*begin, last),
                                         std::min(std::max(*begin, last), middle));
            const auto equal = std::partition(begin, end, [&](float one) { return one > pivot; });
            const auto lower = std::partition(equal, end, [&](float one) { return one == pivot; });
            const double higher = std::accumulate(begin, equal, above);
            const double all = higher + static_cast<double>(lower - equal) * pivot;
            if (std::abs(higher - goal) <= slack || std::abs(all - goal) <= slack) return false;
            if (higher > goal) {
                end = equal;
            } else if (all < goal) {
                above = all;
                begin = lower;
            } else {
                const double count = std::ceil((goal - higher) / pivot);
                const double reached = higher + count * pivot;
                if (reached - goal <= slack || goal - (reached - pivot) <= slack) return false;
                keep(pivot, static_cast<size_t>(count));
                return true;
            }
        }
        return false;
    }

    // Keeps the tokens above a weight, and so many of those that have it.
    void keep(float weight, size_t equal) {
        tokens_.resize(static_cast<size_t>(size_) + 1);
        size_t kept = 0;
        for (int token = 0; token < size_; ++token) {
            tokens_[kept] = token;
            kept += all_[token] > weight;
        }
        for (int token = 0; equal > 0; ++token)
            if (all_[token] == weight) {
                tokens_[kept++] = token;
                --equal;
            }
        tokens_.resize(kept);
    }

    enum class Cut { done, undecided, short_of };

    // The likeliest tokens that reach a goal together, if they are not too many.
    Cut rank_sum(double goal, double slack) {
        Cut found = Cut::short_of;
        for (const int count : {kFewRanked, kMostRanked})
            if (found == Cut::short_of) {
                rank(static_cast<size_t>(count));
                weigh_tokens();
                found = cut(goal, slack);
            }
        return found;
    }

    // Keeps the first tokens, as many as reach a goal together, by their weights.
    Cut cut(double goal, double slack) {
        double sum = 0;
        for (size_t at = 0; at < tokens_.size(); ++at) {
            sum += singles_[at];
            if (std::abs(sum - goal) <= slack) return Cut::undecided;
            if (sum > goal) {
                tokens_.resize(at + 1);
                return Cut::done;
            }
        }
        return Cut::short_of;
    }

    // The weights of the tokens in single precision.
    void weigh_tokens() {
        singles_.resize(tokens_.size());
        for (size_t at = 0; at < tokens_.size(); ++at)
            singles_[at] = scores_[tokens_[at]] - highest_;
        single_exponential.apply(singles_.data(), static_cast<std::ptrdiff_t>(singles_.size()));
    }

    // The weights of a block, as numpy computes them.
    void weigh(int number, float temperature) {
        const float *values = block(number);
        for (int at = 0; at < block_; ++at) weights_[at] = (values[at] - highest_) / temperature;
        single_exponential.apply(weights_, block_);
    }

    // The sums of the blocks' weights, and their sum; the weights too, if there is a place for them.
    double weigh_all(float temperature, float *weights = nullptr) {
        double total = 0;
        for (int number = 0; number < blocks_; ++number) {
            weigh(number, temperature);
            if (weights) std::copy(weights_, weights_ + block_, weights + number * block_);
            double parts[8] = {};
            for (int at = 0; at < block_; at += 8)
                for (int one = 0; one < 8; ++one) parts[one] += weights_[at + one];
            total += sums_[number] = std::accumulate(parts, parts + 8, 0.0);
        }
        return total;
    }

    // As `weigh_all`, within a share of `kEstimateSlack` of each block's sum and in half the time.
    double estimate_all(float temperature) {
        const float factor = kLog2E / temperature;
        double total = 0;
        for (int number = 0; number < blocks_; ++number) {
            const float *values = block(number);
            WideFloats sums = {}, others = {};
            for (int at = 0; at < block_; at += 2 * kWide) {
                WideFloats one, two;
                std::memcpy(&one, values + at, sizeof one);
                std::memcpy(&two, values + at + kWide, sizeof two);
                sums += power_of_2((one - highest_) * factor);
                others += power_of_2((two - highest_) * factor);
            }
            sums += others;
            double sum = 0;
            for (int lane = 0; lane < kWide; ++lane) sum += sums[lane];
            total += sums_[number] = sum;
        }
        return total;
    }

    // 2 to the power of numbers that are not above 0: of what is nearest to a whole number by its
    // exponent, of the rest by a polynomial.
    static WideFloats power_of_2(WideFloats power) {
        constexpr float shift = 0x1.8p23f;  // adding it leaves no room for what is behind the point
        const WideFloats least = WideFloats{} - 126.0f;
        power = power > least ? power : least;
        const WideFloats shifted = power + shift;
        const WideFloats rest = power - (shifted - shift);
        const WideFloats value =
            ((((kPower[4] * rest + kPower[3]) * rest + kPower[2]) * rest + kPower[1]) * rest +
             kPower[0]);
        return reinterpret_cast<WideFloats>(reinterpret_cast<WideInts>(value) +
                                        (reinterpret_cast<WideInts>(shifted) << 23));
    }

    int draw_of_all(const Row &row) {
        const float temperature = static_cast<float>(row.temperature);
        if (std::isfinite(kLog2E / temperature)) {
            const double near = estimate_all(temperature);
            const int found = find(row.chance, near, temperature, kEstimateSlack);
            if (found != kUndecided) return found;
        }
        return find(row.chance, weigh_all(temperature), temperature, kSlack);
    }

    // The token at which the sum of all weights passes the chance, by the sums of the blocks.
    int find(double chance, double total, float temperature, double share) {
        const double goal = chance * total, slack = share * total;
        double before = 0;
        for (int number = 0; number < blocks_; before += sums_[number++]) {
            if (before + sums_[number] < goal - slack) continue;
            weigh(number, temperature);
            const int found = draw(weights_, block_, before, goal, slack);
            return found == kUndecided ? kUndecided : number * block_ + found;
        }
        return kUndecided;
    }

    // A token of those collected that min_p leaves.
    int draw_of_some(const Row &row) {
        const double highest = highest_;
        const double least = static_cast<double>(highest_ + row.log_min_p) - highest;
        size_t kept = 0;
        doubles_.resize(tokens_.size());
        for (const int token : tokens_) {
            const double below = scores_[token] - highest;
            if (!(below >= least)) continue;
            tokens_[kept] = token;
            doubles_[kept++] = below / row.temperature;
        }
        double_exponential.apply(doubles_.data(), static_cast<std::ptrdiff_t>(kept));
        double total = 0;
        for (size_t at = 0; at < kept; ++at) total += doubles_[at];
        const int found = draw(doubles_.data(), static_cast<int>(kept), 0, row.chance * total,
                               kSlack * total);
        return found < 0 ? kUndecided : tokens_[found];
    }

    // Where the sum of the weights goes beyond a goal; undecided if that is near a border.
    template <typename Number>
    static int draw(const Number *weights, int count, double sum, double goal, double slack) {
        for (int at = 0; at < count; ++at) {
            const double before = sum;
            sum += weights[at];
            if (sum < goal - slack) continue;
            return before + slack < goal && goal + slack < sum ? at : kUndecided;
        }
        return kUndecided;
    }

    const int size_, block_, blocks_;
    const float *scores_ = nullptr;
    float highest_ = 0;
    std::vector<float> maxima_, peaks_, highest_lanes_, singles_, all_, rest_;
    std::vector<double> sums_, doubles_;
    std::vector<int> tokens_;
    std::vector<uint64_t> keys_;
    float padded_[kBlock], weights_[kBlock];
};

}  // namespace funland
