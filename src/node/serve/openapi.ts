/** The OpenAPI document of a server. */
import type { TaskName } from '../../tasks/index.ts';
import { VERSION } from '../../version.ts';
import { type FailureCode, STATUSES } from './failure.ts';
import type { ReadServeSettings } from './settings.ts';

/** What a server tells of its model. */
export interface ModelCard {
  readonly name: string;
  readonly task: TaskName;
  readonly input: 'image' | 'text';
  /** Names of the classes, labels or numbers. */
  readonly labels: readonly string[];
  /** Pixels of the model's input; larger and smaller images are resized. */
  readonly size?: { readonly width: number; readonly height: number };
}

const number = { type: 'number' };
const text = { type: 'string' };
const byName = { type: 'object', additionalProperties: number };
const list = (items: object, more: object = {}) => ({ type: 'array', items, ...more });
const object = (properties: Readonly<Record<string, object>>, optional: readonly string[] = []) => ({
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
const json = (schema: object) => ({ 'application/json': { schema } });
const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const PREDICTIONS: Readonly<Record<TaskName, Readonly<Record<string, object>>>> = {
  classification: { label: text, probability: number, probabilities: byName },
  'multi-label': { labels: list(text), probabilities: byName },
  regression: { values: byName },
  embedding: { embedding: list(number) },
};

const SUMMARIES: Readonly<Partial<Record<FailureCode, string>>> = {
  'bad-request': 'The request is wrong.',
  unauthorized: 'The token is missing or wrong.',
  forbidden: 'The page is not allowed to use this server.',
  'too-large': 'The body, an image, or the number of samples is too large.',
  'unsupported-type': 'The body has another type.',
  'bad-image': 'An image cannot be read.',
  'too-many-requests': 'The address sent too many requests. Retry-After has the seconds to wait.',
  overloaded: 'The server has too many requests. Retry-After has the seconds to wait.',
};

/** @returns a document in OpenAPI 3.1 */
export function openApi(card: ModelCard, settings: ReadServeSettings, url: string) {
  const { maxBody, maxSamples, token, top } = settings;
  const isText = card.input === 'text';
  const hasTop = card.task === 'classification' || card.task === 'multi-label';
  const failures = Object.entries(SUMMARIES).map(([code, description]) => [
    String(STATUSES[code as FailureCode]),
    { description, content: json(reference('Error')) },
  ]);
  const answer = (description: string, schema: object) => ({ description, content: json(schema) });
  const plain = { type: 'string', contentMediaType: 'text/plain' };
  return {
    openapi: '3.1.0',
    info: {
      title: `${card.name}, served by Thaw`,
      version: VERSION,
      description: `Bodies have at most ${maxBody} MB and ${maxSamples} ${card.input}s.`,
    },
    servers: [{ url }],
    ...(token !== undefined && { security: [{ token: [] }] }),
    paths: {
      '/predict': {
        post: {
          operationId: 'predict',
          summary: `Predictions of ${card.input}s, in their order`,
          parameters: hasTop
            ? [
                {
                  name: 'top',
                  in: 'query',
                  description: 'Number of most probable labels in `probabilities`',
                  schema: { type: 'integer', minimum: 1, ...(top !== undefined && { default: top }) },
                },
              ]
            : [],
          requestBody: { required: true, content: isText ? TEXT_BODIES : IMAGE_BODIES },
          responses: {
            200: answer('The predictions', object({ predictions: list(reference('Prediction')) })),
            ...Object.fromEntries(failures),
          },
        },
      },
      '/model': { get: { operationId: 'model', summary: 'The model', responses: { 200: answer('The model', MODEL) } } },
      '/health': {
        get: {
          operationId: 'health',
          summary: 'Whether the server takes requests',
          security: [],
          responses: {
            200: answer('It does', object({ status: { const: 'ok' } })),
            503: answer('It is stopping', reference('Error')),
          },
        },
      },
      '/openapi.json': {
        get: { operationId: 'openapi', summary: 'This document', responses: { 200: answer('It', { type: 'object' }) } },
      },
      '/': {
        get: {
          operationId: 'help',
          summary: 'How to use the server',
          responses: { 200: { description: 'A text', content: { 'text/plain': { schema: plain } } } },
        },
      },
    },
    components: {
      schemas: {
        Prediction: object({ file: text, ...PREDICTIONS[card.task] }, ['file']),
        Error: object({
          error: object({ code: { enum: Object.keys(STATUSES) }, message: text, hint: text }, ['hint']),
        }),
      },
      ...(token !== undefined && { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } }),
    },
  };
}

const MODEL = object(
  {
    ...{ name: text, task: text, input: { enum: ['image', 'text'] }, labels: list(text) },
    size: object({ width: { type: 'integer' }, height: { type: 'integer' } }),
    version: text,
  },
  ['size'],
);

const TEXT_BODIES = {
  ...json(object({ texts: list(text, { minItems: 1 }) })),
  'text/plain': { schema: text },
};

const IMAGE_BODIES = {
  'image/*': { schema: { description: 'The bytes of an image file' } },
  'multipart/form-data': { schema: object({ image: list({ contentMediaType: 'application/octet-stream' }) }) },
  ...json(object({ images: list({ ...text, contentEncoding: 'base64' }, { minItems: 1 }) })),
};
