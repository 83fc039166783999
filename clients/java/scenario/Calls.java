import com.google.gson.JsonElement;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import funland.client.Again;
import funland.client.Failure;
import funland.v1.Inference.ChatRequest;
import funland.v1.Inference.ChatResponse;
import funland.v1.Inference.EmbedRequest;
import funland.v1.Inference.Embedding;
import funland.v1.Inference.Finish;
import funland.v1.Inference.GenerationEvent;
import funland.v1.InferenceServiceGrpc;
import funland.v1.ModelServiceGrpc;
import funland.v1.Models.GetModelRequest;
import funland.v1.Models.ListModelsRequest;
import funland.v1.Models.ListModelsResponse;
import funland.v1.Models.LoadedModel;
import funland.v1.SessionServiceGrpc;
import funland.v1.Sessions.CreateSessionRequest;
import funland.v1.Sessions.DeleteSessionRequest;
import funland.v1.Sessions.SendMessageRequest;
import io.grpc.Channel;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.StatusRuntimeException;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Makes the steps. What is not as expected throws. */
final class Calls {
    private final Channel channel;
    private Deadline deadline;

    Calls(Channel channel) {
        this.channel = channel;
    }

    void make(Scenario.Step step) throws Exception {
        deadline = Deadline.after(Math.round(step.timeoutSeconds * 1000), TimeUnit.MILLISECONDS);
        if (step.expectError == null || step.call.equals("crowd")) {
            call(step);
            return;
        }
        try {
            call(step);
        } catch (StatusRuntimeException thrown) {
            check(new Failure(thrown), step.expectError);
            return;
        }
        throw new AssertionError("the call was to fail");
    }

    private void call(Scenario.Step step) throws Exception {
        switch (step.call) {
            case "list_models" -> listModels(step.expect);
            case "chat" -> chat(step);
            case "stream" -> stream(step);
            case "leave" -> leave(step);
            case "embed" -> embed(step);
            case "session" -> session(step);
            case "crowd" -> crowd(step);
            default -> throw new AssertionError("there is no call " + step.call);
        }
    }

    private void listModels(Scenario.Expected expected) {
        Set<String> listed = new HashSet<>();
        String token = "";
        do {
            ListModelsResponse page = models().listModels(ListModelsRequest.newBuilder().setPageToken(token).build());
            page.getModelsList().forEach(model -> listed.add(model.getModelId()));
            token = page.getNextPageToken();
        } while (!token.isEmpty());
        Scenario.same("that they are listed", listed.containsAll(expected.modelIds), true);
    }

    private void chat(Scenario.Step step) throws Exception {
        ChatResponse answer = inference().chat(read(step.chat, ChatRequest.newBuilder()));
        Scenario.same("the text", answer.getMessage().getContent(), step.expect.text);
        Scenario.same("the model", answer.getModel(), step.expect.model);
        Scenario.same("the reason", answer.getFinishReason().name(), step.expect.finishReason);
        Scenario.same("the tokens", answer.getUsage().getCompletionTokens(), step.expect.completionTokens);
    }

    private void stream(Scenario.Step step) throws Exception {
        StringBuilder text = new StringBuilder();
        int pieces = 0;
        String model = "";
        Finish finish = Finish.getDefaultInstance();
        Iterator<GenerationEvent> events = inference().streamChat(read(step.chat, ChatRequest.newBuilder()));
        while (events.hasNext()) {
            GenerationEvent event = events.next();
            switch (event.getEventCase()) {
                case START -> model = event.getStart().getModel();
                case FINISH -> finish = event.getFinish();
                case DELTA -> {
                    text.append(event.getDelta().getText());
                    pieces++;
                }
                default -> { }
            }
        }
        Scenario.same("the text", text.toString(), step.expect.text);
        Scenario.same("that it came in pieces", pieces >= step.expect.leastPieces, true);
        Scenario.same("the model", model, step.expect.model);
        Scenario.same("the reason", finish.getReason().name(), step.expect.finishReason);
        Scenario.same("the tokens", finish.getUsage().getCompletionTokens(), step.expect.completionTokens);
    }

    private void leave(Scenario.Step step) throws Exception {
        Context.CancellableContext stream = begin(step.chat);
        Scenario.same("that it is written", loaded().getActiveSequences() > 0, true);
        stream.cancel(null);
        LoadedModel loaded;
        do {
            loaded = loaded();
        } while (loaded.getActiveSequences() != step.expect.activeSequences
                || loaded.getWaitingSequences() != step.expect.waitingSequences);
    }

    private void embed(Scenario.Step step) throws Exception {
        List<Embedding> vectors = inference().embed(read(step.embed, EmbedRequest.newBuilder())).getEmbeddingsList();
        Scenario.same("the vectors", vectors.size(), step.expect.vectors);
        for (Embedding vector : vectors) {
            double squares = vector.getValuesList().stream().mapToDouble(value -> (double) value * value).sum();
            Scenario.same("the dimensions", vector.getValuesCount(), step.expect.dimensions);
            Scenario.same("the length", Math.abs(Math.sqrt(squares) - step.expect.length) < 1e-3, true);
        }
    }

    private void session(Scenario.Step step) throws Exception {
        SessionServiceGrpc.SessionServiceBlockingStub sessions =
                SessionServiceGrpc.newBlockingStub(channel).withDeadline(deadline);
        String id = sessions.createSession(read(step.session, CreateSessionRequest.newBuilder())).getSessionId();
        String text = "";
        for (String said : step.says) {
            SendMessageRequest message = SendMessageRequest.newBuilder().setSessionId(id).setContent(said).build();
            text = sessions.sendMessage(message).getAnswer().getMessage().getContent();
        }
        sessions.deleteSession(DeleteSessionRequest.newBuilder().setSessionId(id).build());
        Scenario.same("the text", text, step.expect.text);
    }

    private void crowd(Scenario.Step step) throws Exception {
        Context.CancellableContext stream = begin(step.crowd);
        ChatRequest request = read(step.chat, ChatRequest.newBuilder());
        try {
            inference().chat(request);
            throw new AssertionError("the queue has room");
        } catch (StatusRuntimeException thrown) {
            check(new Failure(thrown), step.expectError);
        }
        AtomicInteger refusals = new AtomicInteger();
        ChatResponse answer = Again.call(9, () -> {
            try {
                return inference().chat(request);
            } catch (StatusRuntimeException thrown) {
                refusals.incrementAndGet();
                stream.cancel(null);
                throw thrown;
            }
        });
        Scenario.same("that it was refused", refusals.get() > 0, true);
        Scenario.same("the text", answer.getMessage().getContent(), step.expect.text);
    }

    /** Streams up to the first piece of text; who cancels the context ends the stream. */
    private Context.CancellableContext begin(JsonElement chat) throws Exception {
        ChatRequest request = read(chat, ChatRequest.newBuilder());
        Context.CancellableContext stream = Context.current().withCancellation();
        stream.call(() -> {
            Iterator<GenerationEvent> events = inference().streamChat(request);
            while (events.next().getDelta().getText().isEmpty()) {
                // Not yet.
            }
            return null;
        });
        return stream;
    }

    private LoadedModel loaded() {
        return models().getModel(GetModelRequest.newBuilder().setModelId("funland-tiny").build()).getLoaded();
    }

    private InferenceServiceGrpc.InferenceServiceBlockingStub inference() {
        return InferenceServiceGrpc.newBlockingStub(channel).withDeadline(deadline);
    }

    private ModelServiceGrpc.ModelServiceBlockingStub models() {
        return ModelServiceGrpc.newBlockingStub(channel).withDeadline(deadline);
    }

    @SuppressWarnings("unchecked")
    private static <M extends Message> M read(JsonElement json, Message.Builder into)
            throws InvalidProtocolBufferException {
        JsonFormat.parser().merge(json.toString(), into);
        return (M) into.build();
    }

    private static void check(Failure failure, Scenario.ExpectedError expected) {
        Scenario.same("the code", failure.code().name(), expected.code);
        Scenario.same("the reason", failure.reason(), expected.reason);
        expected.metadata.forEach((name, value) -> Scenario.same(name, failure.metadata().get(name), value));
        Scenario.same("the fields", failure.fields(), expected.fields);
        Scenario.same("that it may be tried again", failure.retryDelay().isPresent(), expected.retryDelay);
    }
}
