import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One length-delimited protobuf field. */
const field = (number: number, body: Uint8Array): Buffer => {
  const length: number[] = [];
  for (let rest = body.length; ; rest = Math.floor(rest / 128)) {
    length.push(rest < 128 ? rest : (rest % 128) + 128);
    if (rest < 128) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), body]);
};

/** The outline of an ONNX model: IR version, producer (padded to the wanted size), a graph. */
export const onnxBytes = (padding = 0): Buffer =>
  Buffer.concat([
    Buffer.from([0x08, 8]),
    field(2, Buffer.alloc(padding, 'thaw ')),
    field(7, Buffer.from('\x12\x01g', 'latin1')),
    field(8, Buffer.from([0x10, 13])),
  ]);

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const gitBlob = (bytes: Uint8Array): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/** Variables of the hub that a developer can have set. */
export const HUB_VARIABLES = [
  ...['HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN', 'HF_TOKEN_PATH', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE'],
  ...['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_HUB_DISABLE_SYMLINKS'],
];

export const commit = '0123456789abcdef0123456789abcdef01234567';

/** A local server that imitates the hub and plain web servers, including faults. */
export class FakeServer {
  /** Files by path, such as `owner/name/FILE`. */
  readonly files = new Map<string, Buffer>();
  /** Every request: method and path. */
  readonly log: string[] = [];
  readonly ranges: string[] = [];
  readonly authorizations: (string | undefined)[] = [];
  /** Answers matching paths with this status instead of the file. */
  refuse?: { readonly path: RegExp; readonly status: number };
  /** Cuts the connection after this many bytes, this many times. */
  cut = { after: 0, times: 0 };
  /** Stalls instead of cutting the connection. */
  stall = false;
  /** Announces these hashes instead of the real ones. */
  lie?: string;
  /** Announces a size reduced by this many bytes. */
  understate = 0;
  /** Ignores Range headers. */
  noRanges = false;
  /** Additional names in the repository's listing. */
  strangers: string[] = [];
  private readonly server = createServer((request, response) => this.answer(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = decodeURIComponent(new URL(request.url ?? '/', this.url).pathname).slice(1);
    this.log.push(`${request.method} ${path}`);
    this.authorizations.push(request.headers.authorization);
    if (this.refuse?.path.test(path)) {
      response.writeHead(this.refuse.status, { 'content-type': 'application/json' });
      response.end('{"error":"no"}');
      return;
    }
    const info = /^api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path);
    if (info) return this.modelInfo(response, info[1]);
    const file = /^([^/]+\/[^/]+)\/resolve\/[^/]+\/(.+)$/.exec(path);
    const bytes = file && this.files.get(`${file[1]}/${file[2]}`);
    if (bytes) response.setHeader('x-repo-commit', commit);
    // Redirects large files once, as the hub does for LFS.
    if (file && bytes && file[2].includes('.onnx')) {
      response.writeHead(302, {
        location: `/cdn/${file[1]}/${file[2]}`,
        'x-linked-etag': `"${this.lie ?? sha256(bytes)}"`,
        'x-linked-size': bytes.length - this.understate,
      });
      response.end();
      return;
    }
    if (bytes) {
      response.setHeader('etag', `"${gitBlob(bytes)}"`);
      response.setHeader('content-length', bytes.length);
      response.end(bytes);
      return;
    }
    this.send(request, response, file ? `${file[1]}/${file[2]}` : path.replace(/^cdn\//, ''));
  }

  private modelInfo(response: ServerResponse, name: string): void {
    const files = [...this.files.keys()].filter((file) => file.startsWith(`${name}/`));
    if (files.length === 0) {
      response.writeHead(404, { 'x-error-code': 'RepoNotFound' });
      response.end();
      return;
    }
    const siblings = [...files.map((file) => file.slice(name.length + 1)), ...this.strangers];
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({ _id: '1', id: name, sha: commit, siblings: siblings.map((rfilename) => ({ rfilename })) }),
    );
  }

  private send(request: IncomingMessage, response: ServerResponse, path: string): void {
    const bytes = this.files.get(path);
    if (!bytes) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' });
      response.end();
      return;
    }
    const etag = `"${sha256(bytes).slice(0, 20)}"`;
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
    const sameFile = !request.headers['if-range'] || request.headers['if-range'] === etag;
    if (range) this.ranges.push(range[0]);
    const partial = range && sameFile && !this.noRanges;
    const from = partial ? Number(range[1]) : 0;
    const end = partial && range[2] ? Number(range[2]) + 1 : bytes.length;
    const part = bytes.subarray(from, end);
    response.writeHead(partial ? 206 : 200, {
      etag,
      'content-length': part.length,
      'content-type': 'application/octet-stream',
      ...(partial ? { 'content-range': `bytes ${from}-${end - 1}/${bytes.length}` } : {}),
    });
    if (this.cut.times > 0 && part.length > this.cut.after && path.endsWith('.onnx')) {
      this.cut.times--;
      response.write(part.subarray(0, this.cut.after), () => {
        if (!this.stall) setTimeout(() => response.destroy(), 20);
      });
    } else response.end(part);
  }
}
