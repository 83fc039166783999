import funland.client.Connection;
import funland.client.Failure;
import funland.v1.InferenceServiceGrpc;
import funland.v1.Inference.ChatRequest;
import funland.v1.Inference.GenerationEvent;
import funland.v1.Inference.Message;
import io.grpc.Context;
import io.grpc.StatusRuntimeException;
import java.util.Iterator;
import java.util.concurrent.TimeUnit;

/** Answers a question as it is written: {@code java Chat "Tell me a story."} */
public final class Chat {
    public static void main(String[] arguments) {
        String question = arguments.length == 0 ? "Hello!" : String.join(" ", arguments);
        ChatRequest.Builder request = ChatRequest.newBuilder();
        request.addMessagesBuilder().setRole(Message.Role.USER).setContent(question);
        request.getSamplingBuilder().setTemperature(0);

        // Whoever leaves the loop early ends the call by the context: the server stops writing.
        Context.CancellableContext call = Context.current().withCancellation();
        try (Connection connection = new Connection("")) {
            call.run(() -> answer(connection, request.build()));
        } finally {
            call.cancel(null);
        }
    }

    private static void answer(Connection connection, ChatRequest request) {
        var inference = InferenceServiceGrpc.newBlockingStub(connection.channel()).withDeadlineAfter(60, TimeUnit.SECONDS);
        try {
            for (Iterator<GenerationEvent> events = inference.streamChat(request); events.hasNext(); ) {
                GenerationEvent event = events.next();
                System.out.print(event.getDelta().getText());
                if (event.hasFinish()) {
                    System.out.println("\n" + event.getFinish().getUsage().getCompletionTokens() + " tokens");
                }
            }
        } catch (StatusRuntimeException thrown) {
            Failure failure = new Failure(thrown);
            System.err.println(failure.reason() + ": " + failure.getMessage());
            System.exit(1);
        }
    }
}
