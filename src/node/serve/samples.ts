/** Reads the samples of a request. */
import type { IncomingMessage } from 'node:http';
import * as z from 'zod';
import { isImageStart } from '../../data/file-format.ts';
import { contentProblem } from '../../data/node/index.ts';
import { firstIssue, plainWords } from '../../schema-words.ts';
import { Failure } from './failure.ts';
import type { ReadServeSettings } from './settings.ts';

export type Input = Uint8Array | string;

/** The samples of a request, and the names of uploaded files. */
export interface RequestSamples {
  readonly inputs: readonly Input[];
  readonly files?: readonly string[];
}

type Limits = Pick<ReadServeSettings, 'maxBody' | 'maxPixels' | 'maxSamples'>;

/** @throws Failure `bad-request`, `too-large`, `unsupported-type` or `bad-image` */
export async function samplesOf(request: IncomingMessage, isText: boolean, limits: Limits): Promise<RequestSamples> {
  const body = await bodyOf(request, limits);
  const type = request.headers['content-type'] ?? '';
  const samples = await inputsOf(body, type, isText);
  const { length } = samples.inputs;
  if (length === 0) throw new Failure('bad-request', `the request has no ${isText ? 'text' : 'image'}`);
  if (length > limits.maxSamples)
    throw new Failure('too-large', `${length} samples, the limit is ${limits.maxSamples}`, 'Send several requests');
  await Promise.all(samples.inputs.map((input, i) => checkInput(input, samples.files?.[i] ?? `image ${i}`, limits)));
  return samples;
}

async function bodyOf(request: IncomingMessage, { maxBody }: Limits): Promise<Buffer> {
  const most = maxBody * 1e6;
  const tooLarge = () => new Failure('too-large', `the body is larger than ${maxBody} MB`, 'Send a smaller image');
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // Otherwise the error below would close the connection before the client gets it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > most) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function inputsOf(body: Buffer, type: string, isText: boolean): RequestSamples | Promise<RequestSamples> {
  if (/^application\/json\b/i.test(type)) return ofJson(body, isText);
  if (/^multipart\/form-data\b/i.test(type)) return ofForm(body, type, isText);
  if (isText && /^text\/plain\b/i.test(type)) return { inputs: [body.toString()] };
  // The type that curl --data-binary sends is that of a form, so the contents decide.
  if (!isText && isImageStart(body)) return { inputs: [body] };
  const hint = isText
    ? 'Send JSON {"texts": ["…"]} as application/json, or a text as text/plain'
    : 'Send the bytes of an image, multipart/form-data, or JSON {"images": ["<base64>"]} as application/json';
  throw new Failure(
    'unsupported-type',
    `the body is no ${isText ? 'text' : 'image'} (${type || 'no content type'})`,
    hint,
  );
}

const base64 = z
  .string()
  .transform((text) => text.replace(/^data:[^,]*;base64,/, ''))
  .refine((text) => text !== '' && /^[\w+/-]*={0,2}$/.test(text), 'not base64')
  .transform((text) => Buffer.from(text, 'base64'));
const images = z.strictObject({ images: z.array(base64) }).transform(({ images }) => images);
const texts = z.strictObject({ texts: z.array(z.string().trim().min(1)) }).transform(({ texts }) => texts);

function ofJson(body: Buffer, isText: boolean): RequestSamples {
  let json: unknown;
  try {
    json = JSON.parse(body.toString());
  } catch (error) {
    throw new Failure('bad-request', `the body is not JSON: ${(error as Error).message}`);
  }
  const result = (isText ? texts : images).safeParse(json, { error: plainWords });
  if (result.success) return { inputs: result.data };
  const { where, words } = firstIssue(result.error);
  const hint = isText ? 'Send {"texts": ["…"]}' : 'Send {"images": ["<base64>"]}';
  throw new Failure('bad-request', `the JSON is wrong: ${where && `${where}: `}${words}`, hint);
}

async function ofForm(body: Buffer, type: string, isText: boolean): Promise<RequestSamples> {
  if (isText) throw new Failure('unsupported-type', 'the model reads texts', 'Send JSON {"texts": ["…"]}');
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } })
    .formData()
    .catch((error) => {
      throw new Failure('bad-request', `the form is damaged: ${(error as Error).message}`);
    });
  const files: File[] = [];
  for (const [name, value] of form) {
    if (typeof value === 'string')
      throw new Failure(
        'bad-request',
        `the field ${name} is not a file`,
        'Send files only, for example -F image=@cat.jpg',
      );
    files.push(value);
  }
  const inputs = await Promise.all(files.map(async (file) => new Uint8Array(await file.arrayBuffer())));
  return { inputs, files: files.map(({ name }) => name) };
}

/** @throws Failure `bad-image` or `too-large` */
async function checkInput(input: Input, name: string, { maxPixels }: Limits): Promise<void> {
  if (typeof input === 'string') return;
  const problem = await contentProblem(input, maxPixels * 1e6);
  if (problem)
    throw new Failure(problem.isTooLarge ? 'too-large' : 'bad-image', `${name} cannot be read: ${problem.reason}`);
}
