// Command scenario makes the steps of clients/scenario.json, told where that is, and names each that
// went as expected. docs/clients.md says what the calls are.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"funland.local/client/funland"
)

type step struct {
	Name, Call                  string
	TimeoutSeconds              float64 `json:"timeout_seconds"`
	Chat, Crowd, Embed, Session json.RawMessage
	Says                        []string
	Expect                      expectation
	ExpectError                 *expectedError `json:"expect_error"`
}

type expectation struct {
	Text, Model      string
	ModelIDs         []string `json:"model_ids"`
	FinishReason     string   `json:"finish_reason"`
	CompletionTokens int32    `json:"completion_tokens"`
	LeastPieces      int      `json:"least_pieces"`
	ActiveSequences  int32    `json:"active_sequences"`
	WaitingSequences int32    `json:"waiting_sequences"`
	Vectors          int
	Dimensions       int
	Length           float64
}

type expectedError struct {
	Code, Reason string
	Metadata     map[string]string
	Fields       []string
	RetryDelay   bool `json:"retry_delay"`
}

func main() {
	log.SetFlags(0)
	content, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var scenario struct{ Steps []step }
	if err := json.Unmarshal(content, &scenario); err != nil {
		log.Fatal(err)
	}
	connection, err := funland.Connect("")
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	client := newClient(connection)
	for _, each := range scenario.Steps {
		if err := client.take(each); err != nil {
			log.Fatalf("%s: %v", each.Name, err)
		}
		fmt.Printf("ok %s\n", each.Name)
	}
}

// read makes a message of the contract of its JSON.
func read(text json.RawMessage, message proto.Message) error {
	return protojson.Unmarshal(text, message)
}

// differs tells what is not as expected; nil: nothing is.
func differs(what string, found, expected interface{}) error {
	if a, b := fmt.Sprint(found), fmt.Sprint(expected); a != b {
		return fmt.Errorf("%s is %s, not %s", what, a, b)
	}
	return nil
}

// first is the first error that there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
