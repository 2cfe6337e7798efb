// What a program does with the official JavaScript client, unchanged but for the address and the key. Prints what it
// read as JSON, for tests/test_openai_javascript.py.

import OpenAI from "openai";

const QUESTION = "How is the pump started?";
const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 0 });

const models = [];
for await (const model of client.models.list()) models.push(model.id);

const messages = [{ role: "user", content: QUESTION }];
const whole = await client.chat.completions.create({ model: "ragsite", messages });

messages.push(whole.choices[0].message, { role: "user", content: "And how is the pump stopped?" });
const stream = await client.chat.completions.create({
  model: "ragsite",
  messages,
  stream: true,
  stream_options: { include_usage: true },
});
let streamed = "";
let last;
let details;
for await (const chunk of stream) {
  streamed += chunk.choices[0]?.delta?.content ?? "";
  details ??= chunk.ragsite;
  last = chunk;
}

const embeddings = await client.embeddings.create({ model: "ragsite", input: ["one", "two"] });

async function failed(request) {
  try {
    await request;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code };
  }
}

const errors = [
  await failed(client.chat.completions.create({ model: "gpt-4o", messages })),
  await failed(client.chat.completions.create({ model: "ragsite", messages, n: 2 })),
  await failed(client.withOptions({ apiKey: "sk-nothing" }).models.list()),
];

console.log(
  JSON.stringify({
    models,
    answer: whole.choices[0].message.content,
    usage: whole.usage,
    citations: whole.ragsite.citations.map((citation) => citation.number),
    streamed,
    streamedUsage: last.usage,
    conversations: [whole.ragsite.conversation_id, details.conversation_id],
    dimensions: embeddings.data.map((item) => item.embedding.length),
    errors,
  }),
);
