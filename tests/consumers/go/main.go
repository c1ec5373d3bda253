// Prints each record of a topic, typed by the schema alone:
//
//	BROKER=localhost:9092 go run . changes    # of journey-changes
//	BROKER=localhost:9092 go run . rows       # of user-journeys
//
// TOPIC is another topic's name. With UNTIL=n it ends after n records.
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

type toldChange struct {
	ID         string   `json:"id"`
	Type       string   `json:"type"`
	User       string   `json:"user"`
	Name       string   `json:"name"`
	Confidence *float64 `json:"confidence"`
	Theme      *string  `json:"theme"`
}

type toldRow struct {
	User      string        `json:"user"`
	UpdatedAt *int64        `json:"updated_at,omitempty"`
	Journeys  []toldJourney `json:"journeys"`
}

type toldJourney struct {
	JourneyUUID string  `json:"journey_uuid"`
	Name        string  `json:"name"`
	Stage       Stage   `json:"stage"`
	Rank        int64   `json:"rank"`
	Strength    float64 `json:"strength"`
	Theme       *string `json:"theme"`
}

func tellChange(record *kgo.Record) (any, error) {
	value, err := event(record)
	if err != nil {
		return nil, err
	}
	change, err := UnmarshalJourneyChange(value)
	if err != nil {
		return nil, err
	}
	found := toldChange{ID: change.ID, Type: change.Type, User: change.Data.UserID}
	if journey := change.Data.Journey; journey != nil {
		found.Name, found.Confidence = journey.Keywords, &journey.Confidence
		if journey.Theme != nil {
			found.Theme = journey.Theme.Name
		}
	}
	if change.Data.Name != nil {
		found.Name = *change.Data.Name
	}
	return found, nil
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

// A user's row as it stands now; a record without a value is a user without a journey: delete it.
func tellRow(record *kgo.Record) (any, error) {
	told := toldRow{User: string(record.Key)}
	if record.Value == nil {
		return told, nil
	}
	row, err := UnmarshalUserJourneys(record.Value)
	if err != nil {
		return nil, err
	}
	told.UpdatedAt = &row.UpdatedAt
	for _, one := range row.Journeys {
		told.Journeys = append(told.Journeys, toldJourney{
			one.JourneyUUID, one.Name, one.Stage, one.Rank, one.Strength, one.Theme,
		})
	}
	return told, nil
}

func setting(name, usual string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return usual
}

func main() {
	topic, tell := "journey-changes", tellChange
	if len(os.Args) > 1 && os.Args[1] == "rows" {
		topic, tell = "user-journeys", tellRow
	} else if len(os.Args) > 1 && os.Args[1] != "changes" {
		log.Fatalf("%s: changes or rows", os.Args[1])
	}
	until, err := strconv.Atoi(setting("UNTIL", "-1"))
	if err != nil {
		log.Fatal(err)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(setting("BROKER", "localhost:9092"), ",")...),
		kgo.ConsumeTopics(setting("TOPIC", topic)),
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
			told, err := tell(record)
			if err != nil {
				log.Fatalf("offset %d: %v", record.Offset, err)
			}
			line, _ := json.Marshal(told)
			fmt.Println(string(line))
			if seen++; seen == until {
				break
			}
		}
	}
}
