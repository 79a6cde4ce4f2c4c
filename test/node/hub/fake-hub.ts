import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parse as parseYaml } from 'yaml';

const hash = (algorithm: string, ...parts: (Uint8Array | string)[]): string =>
  parts.reduce<ReturnType<typeof createHash>>((sum, part) => sum.update(part), createHash(algorithm)).digest('hex');

/** A file of a commit. */
interface Entry {
  readonly oid: string;
  readonly size: number;
  /** SHA-256 of a large file. */
  readonly lfs?: string;
  readonly bytes: Buffer;
}

type Tree = ReadonlyMap<string, Entry>;

interface Repository {
  isPrivate: boolean;
  readonly branches: Map<string, string>;
  readonly commits: Map<string, Tree>;
  readonly messages: string[];
}

interface Request {
  readonly method: string;
  readonly url: URL;
  readonly body: Buffer;
  readonly headers: IncomingMessage['headers'];
  /** Owner of the token. */
  readonly user: string | undefined;
}

class Refusal extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly code?: string,
  ) {
    super(message);
  }
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

const regular = (bytes: Buffer): Entry => ({
  oid: hash('sha1', `blob ${bytes.length}\0`, bytes),
  size: bytes.length,
  bytes,
});

const pointerOf = (sha256: string, size: number): Buffer =>
  Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize ${size}\n`);

const large = (sha256: string, bytes: Buffer): Entry => ({
  ...{ oid: regular(pointerOf(sha256, bytes.length)).oid, size: bytes.length },
  ...{ lfs: sha256, bytes },
});

/**
 * A local server that imitates the API of the Hugging Face hub, as `@huggingface/hub`, `huggingface_hub` and transformers.js use it:
 * repositories with branches and commits, large files by Git LFS, downloads with redirects. Answers with the hub's headers and errors.
 */
export class FakeHub {
  readonly repositories = new Map<string, Repository>();
  /** Large files by SHA-256. */
  readonly stored = new Map<string, Buffer>();
  /** Each request: method and path. */
  readonly log: string[] = [];
  /** Users by token. */
  readonly users = new Map([['hf_ann', 'ann']]);
  /** Answers matching requests with this status, this many times. */
  refuse?: { readonly path: RegExp; readonly status: number; times: number };
  /** Never finishes matching uploads. */
  stall?: RegExp;
  /** Answers without the names of files, as some mirrors do. */
  treesOnly = false;
  /** Uploads larger files in parts of this size. */
  partSize = 5_000_000;
  private readonly parts = new Map<string, Buffer>();
  private readonly server = createServer((request, response) => this.handle(request, response));

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return this.url;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The same server under another name, because clients do not send the token to other hosts. */
  private get storage(): string {
    return this.url.replace('127.0.0.1', 'localhost');
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  /** Files at the end of a branch. */
  tree(name: string, branch = 'main'): Tree {
    const repository = this.repositories.get(name)!;
    return repository.commits.get(repository.branches.get(branch)!)!;
  }

  text(name: string, path: string, branch?: string): string {
    return this.tree(name, branch).get(path)!.bytes.toString();
  }

  /** Puts a repository there, as if someone had pushed it. */
  add(name: string, files: Readonly<Record<string, Buffer | string>>, { isPrivate = false } = {}): string {
    const repository = this.repositories.get(name) ?? this.create(name, isPrivate);
    const tree = new Map(this.tree(name));
    for (const [path, content] of Object.entries(files)) {
      const bytes = Buffer.from(content);
      tree.set(path, isLarge(path, bytes.length) ? large(hash('sha256', bytes), bytes) : regular(bytes));
    }
    return this.commit(repository, 'main', tree, 'added');
  }

  /** Requests with this start, such as `PUT /lfs`. */
  requests(start: string): string[] {
    return this.log.filter((line) => line.startsWith(start));
  }

  private create(name: string, isPrivate: boolean): Repository {
    const repository: Repository = { isPrivate, branches: new Map(), commits: new Map(), messages: [] };
    this.repositories.set(name, repository);
    const attributes = Buffer.from('*.onnx filter=lfs diff=lfs merge=lfs -text\n');
    this.commit(repository, 'main', new Map([['.gitattributes', regular(attributes)]]), 'initial commit');
    return repository;
  }

  private commit(repository: Repository, branch: string, tree: Tree, message: string): string {
    const listing = [...tree].map(([path, { oid }]) => `${path} ${oid}`).join('\n');
    const id = hash('sha1', `${repository.commits.size} ${message}\n${listing}`);
    repository.commits.set(id, tree);
    repository.branches.set(branch, id);
    repository.messages.push(message);
    return id;
  }

  private async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? '/', this.url);
    const method = incoming.method ?? 'GET';
    this.log.push(`${method} ${decodeURIComponent(url.pathname)}`);
    try {
      if (this.stall?.test(`${method} ${url.pathname}`)) {
        incoming.resume();
        return;
      }
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      if (this.refuse && this.refuse.times > 0 && this.refuse.path.test(`${method} ${url.pathname}`)) {
        this.refuse.times--;
        throw new Refusal(this.refuse.status, 'refused');
      }
      const token = /^Bearer (.+)$/.exec(incoming.headers.authorization ?? '')?.[1];
      const user = token === undefined ? undefined : this.users.get(token);
      if (token !== undefined && user === undefined) throw new Refusal(401, 'Invalid username or password.');
      const body = Buffer.concat(chunks);
      this.answer({ method, url, body, headers: incoming.headers, user }, response);
    } catch (error) {
      if (response.destroyed) return;
      const { status = 500, message, code } = error as Partial<Refusal>;
      const headers = { 'x-error-message': message, ...(code && { 'x-error-code': code }) };
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(json({ error: message }));
    }
  }

  private answer(request: Request, response: ServerResponse): unknown {
    const { method, url } = request;
    const path = url.pathname;
    const send = (value: unknown, headers = {}) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers });
      response.end(json(value));
    };
    const large = /^\/(lfs|cdn)\/([0-9a-f]{64})(?:\/(.+))?$/.exec(path);
    if (large) return this.transfer(request, response, { place: large[1], sha256: large[2], what: large[3] ?? '' });
    if (path === '/api/whoami-v2') return send({ type: 'user', name: this.writer(request), auth: {} });
    if (path === '/api/repos/create') return send(this.createAsked(request));
    const batch = /^\/([^/]+\/[^/]+)\.git\/info\/lfs\/objects\/batch$/.exec(path);
    if (batch) return send(this.batch(request, batch[1]), { 'content-type': 'application/vnd.git-lfs+json' });
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
    if (resolve) return this.resolve(request, response, resolve.slice(1).map(decodeURIComponent));
    const api = /^\/api\/models\/([^/]+\/[^/]+)(?:\/([\w-]+)(?:\/([^/]+))?)?$/.exec(path);
    if (!api) throw new Refusal(404, `no such address: ${method} ${path}`);
    const [name, action = 'revision', revision = 'main'] = api.slice(1).map((part) => part && decodeURIComponent(part));
    const repository = this.readable(request, name!);
    if (action === 'branch') return send(this.branch(request, repository, revision!));
    if (action === 'commit') return send(this.commitAsked(request, name!, revision!));
    const { commit, tree } = this.at(repository, revision!);
    if (action === 'revision')
      return send({
        ...{ _id: '1', id: name, modelId: name, sha: commit, private: repository.isPrivate, gated: false, tags: [] },
        ...{ likes: 0, downloads: 0, lastModified: '2026-01-01T00:00:00.000Z' },
        ...(!this.treesOnly && { siblings: [...tree.keys()].map((rfilename) => ({ rfilename })) }),
      });
    if (action === 'tree') return send([...tree].map(([file, entry]) => describe(file, entry)));
    if (action === 'paths-info') {
      const { paths } = JSON.parse(request.body.toString()) as { paths: string[] };
      return send([...tree].filter(([file]) => paths.includes(file)).map(([file, entry]) => describe(file, entry)));
    }
    if (action === 'preupload') {
      this.writer(request, name);
      const { files } = JSON.parse(request.body.toString()) as { files: { path: string; size: number }[] };
      return send({
        files: files.map(({ path: file, size }) => ({
          ...{ path: file, uploadMode: isLarge(file, size) ? 'lfs' : 'regular', shouldIgnore: false },
          oid: tree.get(file)?.lfs ?? tree.get(file)?.oid ?? null,
        })),
      });
    }
    throw new Refusal(404, `no such address: ${method} ${path}`);
  }

  /** The user, if the token may write to the repository. */
  private writer({ user }: Request, name?: string): string {
    if (user === undefined) throw new Refusal(401, 'Invalid username or password.');
    if (name !== undefined && !name.startsWith(`${user}/`))
      throw new Refusal(403, `You don't have the rights to write to ${name.split('/')[0]}`);
    return user;
  }

  private createAsked(request: Request): unknown {
    const { name, organization, visibility } = JSON.parse(request.body.toString()) as Record<string, string>;
    const id = `${organization}/${name}`;
    this.writer(request, id);
    if (this.repositories.has(id)) throw new Refusal(409, 'You already created this model repo');
    this.create(id, visibility === 'private');
    return { url: `${this.url}/${id}`, name: id, id: '1' };
  }

  private readable({ user }: Request, name: string): Repository {
    const repository = this.repositories.get(name);
    const hidden = repository?.isPrivate && !name.startsWith(`${user}/`);
    if (!repository || hidden)
      throw user === undefined
        ? new Refusal(401, 'Invalid username or password.', 'RepoNotFound')
        : new Refusal(404, 'Repository not found', 'RepoNotFound');
    return repository;
  }

  private at(repository: Repository, revision: string): { commit: string; tree: Tree } {
    const commit = repository.branches.get(revision) ?? revision;
    const tree = repository.commits.get(commit);
    if (!tree) throw new Refusal(404, `Invalid rev id: ${revision}`, 'RevisionNotFound');
    return { commit, tree };
  }

  private branch(request: Request, repository: Repository, branch: string): unknown {
    this.writer(request);
    if (repository.branches.has(branch)) throw new Refusal(409, 'Reference already exists');
    const { startingPoint = 'main' } = JSON.parse(request.body.toString()) as { startingPoint?: string };
    repository.branches.set(branch, this.at(repository, startingPoint).commit);
    return {};
  }

  /** Where to upload which large files. */
  private batch(request: Request, name: string): unknown {
    this.writer(request, name);
    const { objects } = JSON.parse(request.body.toString()) as { objects: { oid: string; size: number }[] };
    return {
      transfer: objects.some(({ size }) => size > this.partSize) ? 'multipart' : 'basic',
      objects: objects.map(({ oid, size }) => {
        if (this.stored.has(oid)) return { oid, size };
        const href = `${this.storage}/lfs/${oid}`;
        const parts = Array.from({ length: Math.ceil(size / this.partSize) }, (_, i) => String(i + 1).padStart(5, '0'));
        const upload =
          size > this.partSize
            ? {
                href: `${href}/complete?signature=secret`,
                header: {
                  chunk_size: String(this.partSize),
                  ...Object.fromEntries(parts.map((part) => [part, `${href}/${part}?signature=secret`])),
                },
              }
            : { href: `${href}?signature=secret` };
        return { oid, size, actions: { upload, verify: { href: `${this.url}/lfs/${oid}/verify` } } };
      }),
    };
  }

  private transfer(
    { method, url, body, headers }: Request,
    response: ServerResponse,
    { place, sha256, what }: { readonly place: string; readonly sha256: string; readonly what: string },
  ): unknown {
    if (place === 'cdn') {
      const bytes = this.stored.get(sha256);
      if (!bytes) throw new Refusal(404, 'no such object');
      return sendFile(response, bytes, { method, range: headers.range, etag: sha256 });
    }
    if (what === 'verify') {
      if (!this.stored.has(sha256)) throw new Refusal(404, 'no such object');
      response.end('{}');
      return;
    }
    // Storage refuses requests with two kinds of authorization, and those without a length.
    if (headers.authorization || url.searchParams.get('signature') !== 'secret')
      throw new Refusal(403, 'bad signature');
    if (method === 'PUT' && headers['content-length'] === undefined) throw new Refusal(411, 'MissingContentLength');
    if (method === 'PUT' && what) {
      this.parts.set(`${sha256}/${what}`, body);
      response.setHeader('etag', `"${hash('md5', body)}"`);
    } else {
      const whole = what === 'complete' ? this.joined(sha256, JSON.parse(body.toString())) : body;
      if (hash('sha256', whole) !== sha256) throw new Refusal(400, 'the contents have another SHA-256');
      this.stored.set(sha256, whole);
    }
    response.end();
  }

  private joined(sha256: string, { parts }: { parts: { partNumber: number; etag: string }[] }): Buffer {
    return Buffer.concat(
      parts.map(({ partNumber, etag }) => {
        const part = this.parts.get(`${sha256}/${String(partNumber).padStart(5, '0')}`);
        if (!part || etag !== `"${hash('md5', part)}"`) throw new Refusal(400, 'InvalidPart');
        return part;
      }),
    );
  }

  private commitAsked(request: Request, name: string, branch: string): unknown {
    this.writer(request, name);
    const repository = this.repositories.get(name)!;
    const { tree } = this.at(repository, branch);
    const lines = request.body.toString().trim().split('\n');
    const operations = lines.map((line) => JSON.parse(line) as { key: string; value: Record<string, string> });
    const next = new Map(tree);
    for (const { key, value } of operations) {
      if (key === 'file') next.set(value.path, checked(value.path, regular(Buffer.from(value.content, 'base64'))));
      if (key === 'lfsFile') {
        const bytes = this.stored.get(value.oid);
        if (!bytes) throw new Refusal(400, `LFS object ${value.oid} was not uploaded`);
        next.set(value.path, large(value.oid, bytes));
      }
      if (key === 'deletedFile') next.delete(value.path);
    }
    const { summary } = operations.find(({ key }) => key === 'header')!.value;
    const commitOid = this.commit(repository, branch, next, summary);
    return { success: true, commitOid, commitUrl: `${this.url}/${name}/commit/${commitOid}`, hookOutput: '' };
  }

  private resolve(request: Request, response: ServerResponse, [name, revision, path]: readonly string[]): unknown {
    const { commit, tree } = this.at(this.readable(request, name), revision);
    response.setHeader('x-repo-commit', commit);
    const entry = tree.get(path);
    if (!entry) throw new Refusal(404, 'Entry not found', 'EntryNotFound');
    const { method, headers } = request;
    if (entry.lfs === undefined)
      return sendFile(response, entry.bytes, { method, range: headers.range, etag: entry.oid });
    this.stored.set(entry.lfs, entry.bytes);
    response.writeHead(302, {
      location: `${this.storage}/cdn/${entry.lfs}?signature=secret`,
      'x-linked-etag': `"${entry.lfs}"`,
      'x-linked-size': entry.size,
    });
    response.end();
  }
}

/** As the hub decides: by `.gitattributes`, or by size. */
const isLarge = (path: string, size: number): boolean => path.includes('.onnx') || size > 10_000_000;

/** The hub refuses a card whose metadata is not YAML, or has an unknown licence. */
function checked(path: string, entry: Entry): Entry {
  if (path !== 'README.md') return entry;
  const meta = parseYaml(/^---\n([\s\S]*?)\n---\n/.exec(entry.bytes.toString())?.[1] ?? '') as { license?: string };
  if (!/^[a-z0-9.-]+$/.test(meta?.license ?? 'mit')) throw new Refusal(400, 'Invalid metadata in README.md: license');
  return entry;
}

const describe = (path: string, { oid, size, lfs }: Entry) => ({
  ...{ type: 'file', path, oid, size },
  ...(lfs && { lfs: { oid: lfs, size, pointerSize: pointerOf(lfs, size).length } }),
});

function sendFile(
  response: ServerResponse,
  bytes: Buffer,
  { method, range, etag }: { readonly method: string; readonly range?: string; readonly etag: string },
): void {
  const [, start, end] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? [];
  const from = Number(start ?? 0);
  const to = end ? Math.min(Number(end) + 1, bytes.length) : bytes.length;
  response.writeHead(start === undefined ? 200 : 206, {
    ...{ etag: `"${etag}"`, 'content-length': to - from, 'accept-ranges': 'bytes' },
    ...(start !== undefined && { 'content-range': `bytes ${from}-${to - 1}/${bytes.length}` }),
  });
  response.end(method === 'HEAD' ? undefined : bytes.subarray(from, to));
}
