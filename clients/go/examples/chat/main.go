// Command chat answers a question as it is written: chat "Tell me a story."
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	"funland.local/client/funland"
	"funland.local/client/gen/funlandv1"
)

func main() {
	log.SetFlags(0)
	connection, err := funland.Connect("")
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	// Who leaves a stream early ends it by `cancel`: the server stops writing.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	question := strings.Join(os.Args[1:], " ")
	if question == "" {
		question = "Hello!"
	}
	if err := answer(ctx, funlandv1.NewInferenceServiceClient(connection), question); err != nil {
		log.Fatal(funland.FailureOf(err))
	}
}

func answer(ctx context.Context, inference funlandv1.InferenceServiceClient, question string) error {
	temperature := float32(0)
	stream, err := inference.StreamChat(ctx, &funlandv1.ChatRequest{
		Messages: []*funlandv1.Message{{Role: funlandv1.Message_USER, Content: question}},
		Sampling: &funlandv1.SamplingParameters{Temperature: &temperature},
	})
	if err != nil {
		return err
	}
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Print(event.GetDelta().GetText())
		if finish := event.GetFinish(); finish != nil {
			fmt.Printf("\n%d tokens\n", finish.Usage.CompletionTokens)
		}
	}
}
