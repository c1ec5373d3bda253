// Prints each record of a topic, typed by the schema alone:
//   BROKER=localhost:9092 node build/consumer.js changes    # of journey-changes
//   BROKER=localhost:9092 node build/consumer.js rows       # of user-journeys
// TOPIC is another topic's name. With UNTIL=n it ends after n records.
import { Kafka, logLevel, type KafkaMessage } from "kafkajs";
import { Convert, type JourneyChange, type UserJourneys } from "./types.js";

function change(message: KafkaMessage): object {
  const { id, type, data }: JourneyChange = Convert.toJourneyChange(event(message));
  const name = data.name ?? data.journey?.keywords ?? "";
  const confidence = data.journey?.confidence ?? null;
  const theme = data.journey?.theme?.name ?? null;
  return { id, type, user: data.user_id, name, confidence, theme };
}

// The CloudEvent as JSON: the value itself, or in binary mode made of `ce_` headers and the value.
function event({ headers, value }: KafkaMessage): string {
  const text = value?.toString() ?? "";
  const attributes = Object.entries(headers ?? {}).filter(([name]) => name.startsWith("ce_"));
  if (attributes.length === 0) return text;
  const named = attributes.map(([name, said]) => [name.slice(3), String(said)]);
  const envelope = { ...Object.fromEntries(named), datacontenttype: "application/json" };
  return JSON.stringify({ ...envelope, data: JSON.parse(text) });
}

// A user's row as it stands now; a record without a value is a user without a journey: delete it.
function row({ key, value }: KafkaMessage): object {
  const user = key?.toString() ?? "";
  if (value === null) return { user, journeys: null };
  const { journeys, updated_at }: UserJourneys = Convert.toUserJourneys(value.toString());
  return {
    user,
    updated_at,
    journeys: journeys.map(({ journey_uuid, name, stage, rank, strength, theme }) => ({
      ...{ journey_uuid, name, stage, rank, strength, theme },
    })),
  };
}

const kinds = {
  changes: { topic: "journey-changes", told: change },
  rows: { topic: "user-journeys", told: row },
};
const kind = process.argv[2] ?? "changes";
if (kind !== "changes" && kind !== "rows") throw new Error(`${kind}: changes or rows`);
const { topic, told } = kinds[kind];
const until = Number(process.env.UNTIL ?? Infinity);
const brokers = (process.env.BROKER ?? "localhost:9092").split(",");
const kafka = new Kafka({ brokers, logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: process.env.GROUP ?? `typescript-${kind}` });
let seen = 0;

await consumer.connect();
await consumer.subscribe({ topic: process.env.TOPIC ?? topic, fromBeginning: true });
const done = new Promise<void>((end, fail) => {
  void consumer.run({
    eachMessage: async ({ message }) => {
      try {
        console.log(JSON.stringify(told(message)));
      } catch (error) {
        fail(error);
      }
      if (++seen >= until) end();
    },
  });
});
try {
  await done;
} finally {
  await consumer.disconnect();
}
