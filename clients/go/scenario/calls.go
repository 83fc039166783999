package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"funland.local/client/funland"
	"funland.local/client/gen/funlandv1"
)

const patience = time.Minute

type client struct {
	inference funlandv1.InferenceServiceClient
	models    funlandv1.ModelServiceClient
	sessions  funlandv1.SessionServiceClient
}

func newClient(connection grpc.ClientConnInterface) *client {
	return &client{
		inference: funlandv1.NewInferenceServiceClient(connection),
		models:    funlandv1.NewModelServiceClient(connection),
		sessions:  funlandv1.NewSessionServiceClient(connection),
	}
}

func (c *client) take(s step) error {
	calls := map[string]func(context.Context, step) error{
		"list_models": c.listModels, "chat": c.chat, "stream": c.stream, "leave": c.leave,
		"embed": c.embed, "session": c.session, "crowd": c.crowd,
	}
	call, known := calls[s.Call]
	if !known {
		return fmt.Errorf("there is no call %q", s.Call)
	}
	limit := patience
	if s.TimeoutSeconds != 0 {
		limit = time.Duration(s.TimeoutSeconds * float64(time.Second))
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := call(ctx, s)
	if s.ExpectError == nil || s.Call == "crowd" {
		return err
	}
	return fails(err, *s.ExpectError)
}

func (c *client) listModels(ctx context.Context, s step) error {
	listed, token := map[string]bool{}, ""
	for {
		page, err := c.models.ListModels(ctx, &funlandv1.ListModelsRequest{PageToken: token})
		if err != nil {
			return err
		}
		for _, model := range page.Models {
			listed[model.ModelId] = true
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	for _, id := range s.Expect.ModelIDs {
		if !listed[id] {
			return fmt.Errorf("%s is not listed", id)
		}
	}
	return nil
}

func (c *client) chat(ctx context.Context, s step) error {
	request := &funlandv1.ChatRequest{}
	if err := read(s.Chat, request); err != nil {
		return err
	}
	answer, err := c.inference.Chat(ctx, request)
	if err != nil {
		return err
	}
	return first(
		differs("the text", answer.Message.Content, s.Expect.Text),
		differs("the model", answer.Model, s.Expect.Model),
		differs("the reason", answer.FinishReason, s.Expect.FinishReason),
		differs("the tokens", answer.Usage.CompletionTokens, s.Expect.CompletionTokens),
	)
}

func (c *client) stream(ctx context.Context, s step) error {
	request := &funlandv1.ChatRequest{}
	if err := read(s.Chat, request); err != nil {
		return err
	}
	stream, err := c.inference.StreamChat(ctx, request)
	if err != nil {
		return err
	}
	var pieces []string
	var model string
	var finish *funlandv1.Finish
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		switch event := event.Event.(type) {
		case *funlandv1.GenerationEvent_Start:
			model = event.Start.Model
		case *funlandv1.GenerationEvent_Delta:
			pieces = append(pieces, event.Delta.Text)
		case *funlandv1.GenerationEvent_Finish:
			finish = event.Finish
		}
	}
	if len(pieces) < s.Expect.LeastPieces {
		return fmt.Errorf("it came in %d pieces", len(pieces))
	}
	return first(
		differs("the text", strings.Join(pieces, ""), s.Expect.Text),
		differs("the model", model, s.Expect.Model),
		differs("the reason", finish.GetReason(), s.Expect.FinishReason),
		differs("the tokens", finish.GetUsage().GetCompletionTokens(), s.Expect.CompletionTokens),
	)
}

func (c *client) leave(ctx context.Context, s step) error {
	leave, err := c.begin(ctx, s.Chat)
	if err != nil {
		return err
	}
	defer leave()
	if loaded, err := c.loaded(ctx); err != nil || loaded.ActiveSequences == 0 {
		return fmt.Errorf("nothing is written: %v", err)
	}
	leave()
	for {
		loaded, err := c.loaded(ctx)
		if err != nil {
			return fmt.Errorf("the slot is still held: %w", err)
		}
		if loaded.ActiveSequences == s.Expect.ActiveSequences && loaded.WaitingSequences == s.Expect.WaitingSequences {
			return nil
		}
	}
}

func (c *client) embed(ctx context.Context, s step) error {
	request := &funlandv1.EmbedRequest{}
	if err := read(s.Embed, request); err != nil {
		return err
	}
	answer, err := c.inference.Embed(ctx, request)
	if err != nil {
		return err
	}
	for _, embedding := range answer.Embeddings {
		var squares float64
		for _, value := range embedding.Values {
			squares += float64(value) * float64(value)
		}
		if math.Abs(math.Sqrt(squares)-s.Expect.Length) > 1e-3 {
			return fmt.Errorf("a vector's length is %v", math.Sqrt(squares))
		}
		if err := differs("the dimensions", len(embedding.Values), s.Expect.Dimensions); err != nil {
			return err
		}
	}
	return differs("the vectors", len(answer.Embeddings), s.Expect.Vectors)
}

func (c *client) session(ctx context.Context, s step) error {
	request := &funlandv1.CreateSessionRequest{}
	if err := read(s.Session, request); err != nil {
		return err
	}
	session, err := c.sessions.CreateSession(ctx, request)
	if err != nil {
		return err
	}
	var text string
	for _, said := range s.Says {
		message := &funlandv1.SendMessageRequest{SessionId: session.SessionId, Content: said}
		answer, err := c.sessions.SendMessage(ctx, message)
		if err != nil {
			return err
		}
		text = answer.Answer.Message.Content
	}
	if _, err := c.sessions.DeleteSession(ctx, &funlandv1.DeleteSessionRequest{SessionId: session.SessionId}); err != nil {
		return err
	}
	return differs("the text", text, s.Expect.Text)
}

func (c *client) crowd(ctx context.Context, s step) error {
	leave, err := c.begin(ctx, s.Crowd)
	if err != nil {
		return err
	}
	defer leave()
	request := &funlandv1.ChatRequest{}
	if err := read(s.Chat, request); err != nil {
		return err
	}
	_, err = c.inference.Chat(ctx, request)
	if err := fails(err, *s.ExpectError); err != nil {
		return err
	}
	var answer *funlandv1.ChatResponse
	refusals := 0
	err = funland.Again(ctx, 9, func(ctx context.Context) (err error) {
		if answer, err = c.inference.Chat(ctx, request); err != nil {
			refusals++
			leave()
		}
		return err
	})
	if err != nil {
		return err
	}
	if refusals == 0 {
		return errors.New("the queue has room")
	}
	return differs("the text", answer.Message.Content, s.Expect.Text)
}

// begin streams up to the first piece of text; what it gives ends the stream.
func (c *client) begin(ctx context.Context, chat []byte) (context.CancelFunc, error) {
	request := &funlandv1.ChatRequest{}
	if err := read(chat, request); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.inference.StreamChat(ctx, request)
	for err == nil {
		var event *funlandv1.GenerationEvent
		if event, err = stream.Recv(); event.GetDelta().GetText() != "" {
			return cancel, nil
		}
	}
	cancel()
	return nil, err
}

func (c *client) loaded(ctx context.Context) (*funlandv1.LoadedModel, error) {
	model, err := c.models.GetModel(ctx, &funlandv1.GetModelRequest{ModelId: "funland-tiny"})
	return model.GetLoaded(), err
}

// The contract's names of the codes that steps expect.
var names = map[string]codes.Code{
	"DEADLINE_EXCEEDED":  codes.DeadlineExceeded,
	"INVALID_ARGUMENT":   codes.InvalidArgument,
	"NOT_FOUND":          codes.NotFound,
	"RESOURCE_EXHAUSTED": codes.ResourceExhausted,
}

func fails(err error, expected expectedError) error {
	failure := funland.FailureOf(err)
	if failure == nil {
		return errors.New("the call was to fail")
	}
	for name, value := range expected.Metadata {
		if err := differs(name, failure.Metadata[name], value); err != nil {
			return err
		}
	}
	return first(
		differs("the code", failure.Code, names[expected.Code]),
		differs("the reason", failure.Reason, expected.Reason),
		differs("the fields", failure.Fields, expected.Fields),
		differs("that it may be tried again", failure.RetryDelay != nil, expected.RetryDelay),
	)
}
