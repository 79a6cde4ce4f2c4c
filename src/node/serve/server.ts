import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { BatchedModel } from '../../session/index.ts';
import { mostProbable, type TaskName } from '../../tasks/index.ts';
import { VERSION } from '../../version.ts';
import { isNamed, isSame, LOCAL_NAMES, listen } from '../network.ts';
import { asFailure, Failure } from './failure.ts';
import { type ModelCard, openApi } from './openapi.ts';
import { RateLimit } from './rate.ts';
import { type Input, samplesOf } from './samples.ts';
import type { ReadServeSettings } from './settings.ts';

/** An answered request, for a log. */
export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** Images or texts. */
  readonly samples: number;
  readonly milliseconds: number;
  /** Of a bug or an error of the model, which the client does not get. */
  readonly error?: unknown;
}

export interface ServerParts {
  readonly model: Pick<BatchedModel<TaskName, Input>, 'predict'>;
  readonly card: ModelCard;
  readonly settings: ReadServeSettings;
  readonly onRequest?: (request: ServedRequest) => void;
}

/** A server that runs. */
export interface Serving {
  /** Its address, without a slash at the end. */
  readonly url: string;
  /** Answers the requests that have begun, and ends. */
  close(): Promise<void>;
}

interface Answer {
  readonly type: string;
  readonly body: string;
  readonly samples?: number;
}

/** Milliseconds for requests that have begun when the server closes. */
const GRACE = 10_000;
/** Milliseconds for a client to read an error before its upload is cut off. */
const LINGER = 500;
/** Seconds after which a client of a full server may try again. */
const RETRY = 1;

const METHODS: Readonly<Record<string, string>> = {
  '/': 'GET',
  '/health': 'GET',
  '/model': 'GET',
  '/openapi.json': 'GET',
  '/predict': 'POST',
};

const jsonAnswer = (value: unknown, samples?: number): Answer => ({
  type: 'application/json',
  body: `${JSON.stringify(value)}\n`,
  samples,
});

/**
 * Serves a model over HTTP.
 *
 * @throws ThawError `bad-config` if the port is in use or the address is of another machine
 */
export async function startServer(parts: ServerParts): Promise<Serving> {
  const { settings } = parts;
  const timeout = settings.timeout * 1000;
  const state = { isStopping: false, requests: 0 };
  const rates = new RateLimit(settings.rate);
  const limits = { requestTimeout: timeout, headersTimeout: timeout, connectionsCheckingInterval: 1000 };
  const server = createServer(limits, (request, response) => void serve(request, response));
  server.on('clientError', answerClientError);
  const { port } = await listen(server, settings);
  const named = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  const url = `http://${named}:${port}`;

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const began = performance.now();
    const left = new AbortController();
    response.once('close', () => left.abort());
    state.requests++;
    const { pathname, searchParams } = urlOf(request);
    const cors = corsHeaders(request);
    const log = (status: number, samples = 0, error?: unknown) =>
      parts.onRequest?.({
        ...{ method: request.method ?? '', path: pathname, status, samples },
        milliseconds: performance.now() - began,
        ...(error !== undefined && { error }),
      });
    try {
      admit(request, pathname);
      if (request.method === 'OPTIONS') {
        response.writeHead(204, cors).end();
        return log(204);
      }
      const { type, body, samples } = await answer(request, pathname, searchParams, left.signal);
      const closing = state.isStopping ? { Connection: 'close' } : {};
      response.writeHead(200, { ...HEADERS, ...cors, ...closing, 'Content-Type': type }).end(body);
      log(200, samples);
    } catch (error) {
      // The client is gone.
      if (left.signal.aborted || (request.socket?.destroyed ?? true)) return log(499);
      const failure = asFailure(error);
      respond(request, response, failure, cors);
      log(failure.status, 0, failure.code === 'internal' ? error : undefined);
    } finally {
      state.requests--;
    }
  }

  /** @throws Failure if this server has no answer for the client */
  function admit(request: IncomingMessage, path: string): void {
    const { host, origin, authorization } = request.headers;
    if (settings.isLocal && !isNamed(host, LOCAL_NAMES, port))
      throw new Failure('misdirected', 'this server only answers to localhost');
    if (origin !== undefined && origin !== `http://${host}` && !corsHeaders(request)['Access-Control-Allow-Origin'])
      throw new Failure('forbidden', `pages of ${origin} may not use this server`, `Start it with --cors ${origin}`);
    if (path === '/health') return;
    const wait = rates.take(request.socket.remoteAddress ?? '');
    if (wait) {
      const message = `more than ${settings.rate} requests in a minute`;
      throw new Failure('too-many-requests', message, `Wait ${wait} s`, { 'Retry-After': String(wait) });
    }
    if (request.method === 'OPTIONS') return;
    if (settings.token !== undefined && !isSame(authorization ?? '', `Bearer ${settings.token}`)) {
      const headers = { 'WWW-Authenticate': 'Bearer' };
      throw new Failure('unauthorized', 'the token is missing or wrong', 'Send Authorization: Bearer TOKEN', headers);
    }
  }

  async function answer(
    request: IncomingMessage,
    path: string,
    query: URLSearchParams,
    signal: AbortSignal,
  ): Promise<Answer> {
    const method = Object.hasOwn(METHODS, path) ? METHODS[path] : undefined;
    if (!method) throw new Failure('not-found', `there is no ${path}`, `There are ${Object.keys(METHODS).join(', ')}`);
    const isHead = request.method === 'HEAD' && method === 'GET';
    if (request.method !== method && !isHead) {
      const headers = { Allow: method };
      throw new Failure('method-not-allowed', `${path} takes ${method} only`, `Send a ${method} request`, headers);
    }
    switch (path) {
      case '/predict':
        return predict(request, query, signal);
      case '/health':
        if (state.isStopping) throw new Failure('overloaded', 'the server is stopping');
        return jsonAnswer({ status: 'ok' });
      case '/model':
        return jsonAnswer({ ...parts.card, version: VERSION });
      case '/openapi.json':
        return jsonAnswer(openApi(parts.card, settings, url));
      default:
        return { type: 'text/plain; charset=utf-8', body: help(parts.card, url) };
    }
  }

  async function predict(request: IncomingMessage, query: URLSearchParams, signal: AbortSignal): Promise<Answer> {
    const top = topOf(query, parts);
    // Before the body is read, so that bodies cannot fill the memory.
    if (state.requests > settings.queue) {
      const headers = { 'Retry-After': String(RETRY) };
      throw new Failure('overloaded', `more than ${settings.queue} requests at the same time`, 'Try again', headers);
    }
    const { inputs, files } = await samplesOf(request, parts.card.input === 'text', settings);
    const predictions = await parts.model.predict(inputs, signal);
    const rows = predictions.map((prediction, i) => ({
      ...(files && { file: files[i] }),
      ...mostProbable(prediction, top),
    }));
    return jsonAnswer({ predictions: rows }, rows.length);
  }

  function corsHeaders({ headers: { origin } }: IncomingMessage): Readonly<Record<string, string>> {
    const { cors } = settings;
    if (cors === undefined || (cors !== '*' && cors !== origin)) return {};
    return {
      'Access-Control-Allow-Origin': cors,
      'Access-Control-Allow-Methods': 'GET, POST',
      'Access-Control-Allow-Headers': 'Authorization, Content-Type',
      'Access-Control-Max-Age': '600',
      Vary: 'Origin',
    };
  }

  return {
    url,
    close: () =>
      new Promise((resolve) => {
        state.isStopping = true;
        const late = setTimeout(() => server.closeAllConnections(), GRACE);
        server.close(() => {
          clearTimeout(late);
          resolve();
        });
      }),
  };
}

const HEADERS = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' };

const urlOf = ({ url = '/' }: IncomingMessage): URL =>
  URL.canParse(url, 'http://localhost') ? new URL(url, 'http://localhost') : new URL('http://localhost/?');

/** Sends an error. A body that is still coming is cut off a little later, so that the client gets the error first. */
function respond(
  request: IncomingMessage,
  response: ServerResponse,
  failure: Failure,
  cors: Readonly<Record<string, string>>,
): void {
  const isWhole = request.complete;
  const headers = { ...HEADERS, ...cors, ...failure.headers, 'Content-Type': 'application/json' };
  response.writeHead(failure.status, isWhole ? headers : { ...headers, Connection: 'close' });
  response.end(request.method === 'HEAD' ? undefined : failure.body);
  if (!isWhole) setTimeout(() => request.destroy(), LINGER).unref();
}

/** Answers a request that Node cannot read, or that takes too long. */
function answerClientError({ code = '' }: NodeJS.ErrnoException, socket: Socket): void {
  const failure =
    code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? new Failure('timeout', 'the request took too long')
      : code === 'HPE_HEADER_OVERFLOW'
        ? new Failure('headers-too-large', 'the headers are too large')
        : new Failure('bad-request', 'this is not HTTP');
  const head = `HTTP/1.1 ${failure.status} ${failure.code}\r\nContent-Type: application/json\r\nConnection: close`;
  if (socket.writable)
    socket.end(`${head}\r\nContent-Length: ${Buffer.byteLength(failure.body)}\r\n\r\n${failure.body}`);
  else socket.destroy();
}

/** @throws Failure `bad-request` for another query, or a `top` that is not a count */
function topOf(query: URLSearchParams, { card, settings }: ServerParts): number | undefined {
  const other = [...query.keys()].find((name) => name !== 'top');
  if (other !== undefined) throw new Failure('bad-request', `there is no query ${other}`, 'There is only top');
  const given = query.get('top');
  if (given === null) return settings.top;
  if (!/^[1-9]\d{0,8}$/.test(given)) throw new Failure('bad-request', `top is ${given}`, 'Use a whole number from 1');
  if (card.task === 'regression' || card.task === 'embedding')
    throw new Failure('bad-request', `top ranks labels, and a model for ${card.task} has none`, 'Leave it out');
  return Number(given);
}

const help = (
  { name, task, input }: ModelCard,
  url: string,
): string => `${name}: ${task} of ${input}s, served by Thaw ${VERSION}

${
  input === 'text'
    ? `curl ${url}/predict --json '{"texts": ["Works well"]}'`
    : `curl ${url}/predict --data-binary @cat.jpg -H 'Content-Type: image/jpeg'
curl '${url}/predict?top=3' -F image=@cat.jpg -F image=@dog.jpg`
}

${url}/openapi.json   this server, for programs
${url}/model          the model and its labels
${url}/health         whether the server takes requests
`;
