// Chooses a token for each of many texts, by as many threads as have time.

#include "chooser.h"

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

namespace {

using funland::Chooser, funland::Loop, funland::Row;

constexpr int kMostHelpers = 15;

// The rows of one call. Whoever has time takes the next, and nobody waits for one who has none.
class Task {
  public:
    Task(const Row *rows, int32_t *tokens, int64_t count, int64_t size)
        : rows_(rows), tokens_(tokens), count_(count), size_(size) {}

    void work() {
        ++working_;
        try {
            if (next_ < count_) {
                Chooser chooser(size_);
                for (int64_t at; (at = next_++) < count_;) tokens_[at] = chooser.choose(rows_[at]);
            }
        } catch (const std::bad_alloc &) {
            // Undecided, and so are those that nobody takes any more.
        }
        --working_;
    }

    // Until nobody has a row any more. Whoever comes later finds none, and looks at nothing else.
    void wait() const {
        while (working_ > 0) std::this_thread::yield();
    }

  private:
    const Row *const rows_;
    int32_t *const tokens_;
    const int64_t count_, size_;
    std::atomic<int64_t> next_{0};
    std::atomic<int> working_{0};
};

// Threads that sleep until there is a task.
class Helpers {
  public:
    void call(const std::shared_ptr<Task> &task, int64_t helpers) {
        {
            const std::lock_guard<std::mutex> lock(mutex_);
            start(std::min<int64_t>(helpers, kMostHelpers));
            task_ = task;
            ++number_;
        }
        come_.notify_all();
    }

  private:
    void start(int64_t wanted) {
        try {
            for (; started_ < wanted; ++started_) std::thread(&Helpers::run, this).detach();
        } catch (const std::system_error &) {
            // There may be no more threads: it goes without.
        }
    }

    void run() {
        uint64_t done = 0;
        for (;;) {
            std::shared_ptr<Task> task;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                come_.wait(lock, [&] { return number_ != done; });
                done = number_;
                task = task_;
            }
            task->work();
        }
    }

    std::mutex mutex_;
    std::condition_variable come_;
    std::shared_ptr<Task> task_;
    uint64_t number_ = 0;
    int64_t started_ = 0;
};

}  // namespace

extern "C" {

// Once, and first: numpy's exponentials of single and of double precision. Gives the version of what
// is between this file and compiled.py.
int funland_choose_start(Loop single, void *single_data, Loop twice, void *double_data) {
    funland::single_exponential = {single, single_data};
    funland::double_exponential = {twice, double_data};
    return 1;
}

// A token for each of `count` rows of `size` scores, or -1; by so many threads if they have time.
void funland_choose(const Row *rows, int32_t *tokens, int64_t count, int64_t size,
                    int threads) {
    std::fill(tokens, tokens + count, funland::kUndecided);
    if (threads < 2 || count < 2) {
        Task(rows, tokens, count, size).work();
        return;
    }
    static Helpers *helpers = new Helpers;  // for the life of the process: its threads never end
    const auto task = std::make_shared<Task>(rows, tokens, count, size);
    helpers->call(task, std::min<int64_t>(threads, count) - 1);
    task->work();
    task->wait();
}
}
