// Prints each change of the topic, typed by the schema alone:
//
//	BROKER=localhost:9092 TOPIC=journey-changes go run .
//
// With UNTIL=n it ends after n changes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

type told struct {
	ID         string   `json:"id"`
	Type       string   `json:"type"`
	User       string   `json:"user"`
	Name       string   `json:"name"`
	Confidence *float64 `json:"confidence"`
	Theme      *string  `json:"theme"`
}

func tell(change JourneyChange) told {
	found := told{ID: change.ID, Type: change.Type, User: change.Data.UserID}
	if journey := change.Data.Journey; journey != nil {
		found.Name, found.Confidence = journey.Keywords, &journey.Confidence
		if journey.Theme != nil {
			found.Theme = journey.Theme.Name
		}
	}
	if change.Data.Name != nil {
		found.Name = *change.Data.Name
	}
	return found
}

// The CloudEvent as JSON: the value itself, or in binary mode made of ce_ headers and the value.
func event(record *kgo.Record) ([]byte, error) {
	envelope := map[string]any{}
	for _, header := range record.Headers {
		if name, found := strings.CutPrefix(header.Key, "ce_"); found {
			envelope[name] = string(header.Value)
		}
	}
	if len(envelope) == 0 {
		return record.Value, nil
	}
	envelope["datacontenttype"] = "application/json"
	envelope["data"] = json.RawMessage(record.Value)
	return json.Marshal(envelope)
}

func setting(name, usual string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return usual
}

func main() {
	until, err := strconv.Atoi(setting("UNTIL", "-1"))
	if err != nil {
		log.Fatal(err)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(setting("BROKER", "localhost:9092"), ",")...),
		kgo.ConsumeTopics(setting("TOPIC", "journey-changes")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for seen := 0; seen != until; {
		fetched := client.PollFetches(context.Background())
		if errors := fetched.Errors(); len(errors) > 0 {
			log.Fatal(errors[0].Err)
		}
		for _, record := range fetched.Records() {
			value, err := event(record)
			if err != nil {
				log.Fatalf("offset %d: %v", record.Offset, err)
			}
			change, err := UnmarshalJourneyChange(value)
			if err != nil {
				log.Fatalf("offset %d: %v", record.Offset, err)
			}
			line, _ := json.Marshal(tell(change))
			fmt.Println(string(line))
			if seen++; seen == until {
				break
			}
		}
	}
}
