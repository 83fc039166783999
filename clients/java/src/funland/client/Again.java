package funland.client;

import io.grpc.StatusRuntimeException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Supplier;

/** Calls that are made again when that may help: for what may be done twice, such as all of InferenceService. */
public final class Again {
    private static final Duration FIRST = Duration.ofMillis(500);
    private static final Duration LONGEST = Duration.ofSeconds(8);
    /** Who is told to wait longer had better decide themselves. */
    private static final Duration LONGEST_ASKED = Duration.ofSeconds(30);

    private Again() {}

    /** Makes a call once. Throws a {@link Failure}. */
    public static <T> T once(Supplier<T> call) {
        return call(0, call);
    }

    /**
     * Makes a call, and again up to {@code retries} times when it failed for what may pass: after what
     * the server asks for, else after half a second, one, two and so on. Throws a {@link Failure}.
     */
    public static <T> T call(int retries, Supplier<T> call) {
        for (int made = 0; ; made++) {
            try {
                return call.get();
            } catch (StatusRuntimeException thrown) {
                Failure failure = new Failure(thrown);
                Optional<Duration> wait = made < retries ? pause(failure, made) : Optional.empty();
                sleep(wait.orElseThrow(() -> failure), failure);
            }
        }
    }

    static Optional<Duration> pause(Failure failure, int made) {
        if (!failure.retryable()) {
            return Optional.empty();
        }
        Optional<Duration> asked = failure.retryDelay();
        if (asked.isPresent()) {
            return asked.filter(delay -> delay.compareTo(LONGEST_ASKED) <= 0);
        }
        Duration wait = FIRST.multipliedBy(1L << Math.min(made, 10));
        return Optional.of(wait.compareTo(LONGEST) < 0 ? wait : LONGEST);
    }

    private static void sleep(Duration wait, Failure failure) {
        try {
            Thread.sleep(wait.toMillis());
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw failure;
        }
    }
}
