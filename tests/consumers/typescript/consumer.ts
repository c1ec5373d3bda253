// Prints each change of the topic, typed by the schema alone:
//   BROKER=localhost:9092 TOPIC=journey-changes node build/consumer.js
// With UNTIL=n it ends after n changes.
import { Kafka, logLevel, type KafkaMessage } from "kafkajs";
import { Convert, type JourneyChange } from "./types.js";

function told(change: JourneyChange): string {
  const { data } = change;
  const name = data.name ?? data.journey?.keywords ?? "";
  const confidence = data.journey?.confidence ?? null;
  const theme = data.journey?.theme?.name ?? null;
  const about = { name, confidence, theme };
  return JSON.stringify({ id: change.id, type: change.type, user: data.user_id, ...about });
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

const until = Number(process.env.UNTIL ?? Infinity);
const topic = process.env.TOPIC ?? "journey-changes";
const brokers = (process.env.BROKER ?? "localhost:9092").split(",");
const kafka = new Kafka({ brokers, logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: process.env.GROUP ?? "typescript-reader" });
let seen = 0;

await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
const done = new Promise<void>((end, fail) => {
  void consumer.run({
    eachMessage: async ({ message }) => {
      try {
        console.log(told(Convert.toJourneyChange(event(message))));
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
