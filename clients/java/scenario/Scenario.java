import com.google.gson.Gson;
import com.google.gson.JsonElement;
import com.google.gson.annotations.SerializedName;
import funland.client.Connection;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Makes the steps of clients/scenario.json, told where that is, and names each that went as expected.
 * docs/clients.md says what the calls are.
 */
public final class Scenario {
    List<Step> steps;

    static final class Step {
        String name;
        String call;
        @SerializedName("timeout_seconds") double timeoutSeconds = 60;
        JsonElement chat;
        JsonElement crowd;
        JsonElement embed;
        JsonElement session;
        List<String> says;
        Expected expect;
        @SerializedName("expect_error") ExpectedError expectError;
    }

    static final class Expected {
        String text;
        String model;
        @SerializedName("model_ids") List<String> modelIds;
        @SerializedName("finish_reason") String finishReason;
        @SerializedName("completion_tokens") int completionTokens;
        @SerializedName("least_pieces") int leastPieces;
        @SerializedName("active_sequences") int activeSequences;
        @SerializedName("waiting_sequences") int waitingSequences;
        int vectors;
        int dimensions;
        double length;
    }

    static final class ExpectedError {
        String code;
        String reason;
        Map<String, String> metadata = Map.of();
        List<String> fields = List.of();
        @SerializedName("retry_delay") boolean retryDelay;
    }

    public static void main(String[] arguments) throws Exception {
        Scenario scenario;
        try (Reader reader = Files.newBufferedReader(Path.of(arguments[0]))) {
            scenario = new Gson().fromJson(reader, Scenario.class);
        }
        try (Connection connection = new Connection("")) {
            Calls calls = new Calls(connection.channel());
            for (Step step : scenario.steps) {
                calls.make(step);
                System.out.println("ok " + step.name);
            }
        }
    }

    static void same(String what, Object found, Object expected) {
        if (!Objects.equals(found, expected)) {
            throw new AssertionError(what + " is " + found + ", not " + expected);
        }
    }
}
