import { sha256 } from '../digest.ts';
import { ThawError } from '../errors.ts';
import { flower } from './generated/fleet.js';
import { type NodeIdentity, newIdentity } from './identity.ts';
import { damaged, everyObject, type PackedObject, packObject, unpackObject } from './objects.ts';
import { type Content, packContent, unpackContent } from './records.ts';
import { type CallOptions, Refused, SuperLink, type Transport, Unreachable } from './superlink.ts';

/** A message of the app's server. */
export interface AppMessage {
  /** `train`, `evaluate` or what else the app calls it. */
  readonly type: string;
  readonly run: string;
  /** Of strategies: the round. */
  readonly group: string;
  readonly content: Content;
}

/** What a node tells. */
export type NodeEvent =
  | { readonly type: 'joined'; readonly node: string; readonly superlink: string; readonly version: string }
  | { readonly type: 'message'; readonly message: AppMessage }
  /** The answer is there; bytes of all that was sent of it. */
  | { readonly type: 'answered'; readonly message: AppMessage; readonly bytes: number }
  /** The app's server was told what went wrong; the node goes on. */
  | { readonly type: 'failed'; readonly message: AppMessage; readonly error: Error }
  /** Nobody wants the answer any more, or the message went with its run. */
  | { readonly type: 'dropped'; readonly reason: string }
  | { readonly type: 'lost'; readonly reason: string }
  | { readonly type: 'back' }
  | { readonly type: 'left' };

export interface NodeOptions {
  readonly transport: Transport;
  /** One that the SuperLink knows by `flwr supernode register`; a new one registers itself. */
  readonly identity?: NodeIdentity;
  /** What is thrown is told to the app's server. */
  readonly answer: (message: AppMessage, signal: AbortSignal | undefined) => Promise<Content>;
  readonly onEvent?: (event: NodeEvent) => void;
  /** Ends the node, after it has told the SuperLink. */
  readonly signal?: AbortSignal;
  /** Milliseconds between two questions for messages; 3000 unless given, as Flower's own nodes ask. */
  readonly poll?: number;
}

/** Seconds within which a node tells that it is there, and milliseconds between two times it does. */
const HEARTBEAT = 30;
const BEAT_EVERY = 20_000;
const BEAT_AGAIN = 5_000;

/** Milliseconds before another try, doubled from the first to the last. */
const FIRST_WAIT = 1000;
const LAST_WAIT = 20_000;

/** Objects that travel at a time. */
const AT_A_TIME = 2;

/** A push is begun anew so often where the SuperLink has given it up. */
const PUSHES = 5;

/** Flower's numbers of errors. */
const REGISTERED_BEFORE = 23;
const APP_RAISED = 2;
const APP_ENDED = 8;

/**
 * Is a node of a Flower federation until asked to stop: registers, tells that it is there, answers one message after the other.
 * A SuperLink that goes away is waited for; one that was started anew is joined anew.
 *
 * @throws ThawError `network` where the SuperLink cannot be reached at first, is of another version or does not take the node
 */
export async function runNode(options: NodeOptions): Promise<void> {
  const identity = options.identity ?? (await newIdentity());
  await new FleetNode(new SuperLink(options.transport, identity), options).run();
}

class FleetNode {
  private node: flower.NodeId.$Properties = {};
  private beat: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly superlink: SuperLink,
    private readonly options: NodeOptions,
  ) {}

  async run(): Promise<void> {
    const { signal, poll = 3000 } = this.options;
    try {
      await this.enter({ signal }).catch((error: unknown) => {
        if (error instanceof Unreachable)
          throw new ThawError('network', error.message, 'Check the address, and that the SuperLink runs', {
            cause: error,
          });
        throw error;
      });
      this.heartbeat(BEAT_EVERY);
      while (!signal?.aborted) {
        if (!(await this.next())) await pause(poll, signal);
      }
    } catch (error) {
      if (!signal?.aborted) throw error;
    } finally {
      clearTimeout(this.beat);
      await this.leave();
    }
  }

  /** Answers a message, if there is one. */
  private async next(): Promise<boolean> {
    const pulled = await this.steadily((call) =>
      this.superlink.call('pull-messages', flower.NodeRequest.encode({ node: this.node }).finish(), call),
    );
    const { messages, trees } = flower.Pulled.decode(pulled);
    const [{ metadata } = {}] = messages;
    if (!metadata || !trees[0]) return false;
    const { run_id, message_type, group_id } = metadata;
    const about = { type: message_type ?? '', run: String(run_id), group: group_id ?? '' };
    try {
      const content = await this.receive(metadata, trees[0]);
      await (content instanceof ThawError
        ? this.fail(metadata, { ...about, content: new Map() }, content, 0)
        : this.reply(metadata, { ...about, content }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.tell({ type: 'dropped', reason: error.message });
    }
    return true;
  }

  /** @returns an error where it cannot be read */
  private async receive(
    metadata: flower.Metadata.$Properties,
    tree: flower.ObjectTree.$Properties,
  ): Promise<Content | ThawError> {
    const { run_id, message_id } = metadata;
    const objects = new Map<string, Uint8Array>();
    await inTurns([...idsOf(tree)], async (id) => void objects.set(id, await this.pull(run_id, id)));
    const confirmation = () => flower.ConfirmRequest.encode({ node: this.node, run_id, message_id }).finish();
    await this.steadily((call) => this.superlink.call('confirm-message-received', confirmation(), call));
    try {
      for (const [id, content] of objects)
        if ((await sha256(content)) !== id) throw damaged('its bytes are not those of its id');
      const root = objects.get(message_id ?? '');
      const [records] = root ? unpackObject(root).children : [];
      if (records === undefined) throw damaged('the message has no content');
      return unpackContent(records, objects);
    } catch (error) {
      if (error instanceof ThawError) return error;
      throw error;
    }
  }

  private async pull(run_id: flower.Metadata.$Properties['run_id'], id: string): Promise<Uint8Array> {
    for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LAST_WAIT)) {
      const request = () => flower.ObjectRequest.encode({ node: this.node, run_id, object_id: id }).finish();
      const answer = await this.steadily((call) =>
        this.superlink.call('pull-object', request(), { ...call, long: true }),
      );
      const { found, available, content } = flower.FoundObject.decode(answer);
      if (!found) throw new Refused(`the SuperLink has lost object ${id}`, 404, undefined);
      if (available) return content;
      // The server is still sending it.
      await pause(wait, this.options.signal);
    }
  }

  private async reply(metadata: flower.Metadata.$Properties, message: AppMessage): Promise<void> {
    const { signal, answer } = this.options;
    this.tell({ type: 'message', message });
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    let content: Content;
    try {
      content = await answer(message, signal);
    } catch (error) {
      return this.fail(metadata, message, error as Error, seconds());
    }
    const bytes = await this.push(metadata, { content: await packContent(content) }, seconds());
    this.tell({ type: 'answered', message, bytes });
  }

  private async fail(
    metadata: flower.Metadata.$Properties,
    message: AppMessage,
    error: Error,
    seconds: number,
  ): Promise<void> {
    const stopped = this.options.signal?.aborted;
    const reason = stopped ? 'the node was stopped' : error instanceof ThawError ? error.line : String(error);
    if (!stopped) this.tell({ type: 'failed', message, error });
    await this.push(metadata, { error: { code: stopped ? APP_ENDED : APP_RAISED, reason } }, seconds);
  }

  /** @returns bytes sent */
  private async push(
    to: flower.Metadata.$Properties,
    { content, error }: { readonly content?: PackedObject; readonly error?: flower.Error.$Properties },
    seconds: number,
  ): Promise<number> {
    const metadata = replyTo(to, Date.now() / 1000);
    const body = flower.Message.encode({ metadata, error }).finish();
    const root = await packObject('Message', body, content ? [content] : []);
    const messages = [{ metadata: { ...metadata, message_id: root.id }, ...(content ? { content: {} } : { error }) }];
    const objects = new Map([...everyObject(root)].map((object) => [object.id, object.content]));
    let sent = 0;
    for (let attempt = 1; ; attempt++) {
      const request = () =>
        flower.PushRequest.encode({ node: this.node, messages, trees: [treeOf(root)], seconds: [seconds] }).finish();
      const answer = await this.sending((call) => this.superlink.call('push-messages', request(), call));
      const { objects: wanted, session } = flower.Pushed.decode(answer);
      let whole = true;
      await inTurns(wanted, async (id) => {
        const { run_id } = metadata;
        const request = () =>
          flower.ObjectRequest.encode({
            node: this.node,
            run_id,
            object_id: id,
            content: objects.get(id),
            session,
          }).finish();
        const stored = await this.sending((call) =>
          this.superlink.call('push-object', request(), { ...call, long: true }),
        );
        if (flower.StoredObject.decode(stored).stored) sent += objects.get(id)!.length;
        else whole = false;
      });
      if (whole) return sent;
      if (attempt === PUSHES) throw new Refused('the SuperLink does not take the answer', 200, undefined);
    }
  }

  /** What was learned goes out even where the node is asked to stop, if it can at once. */
  private sending<T>(task: (call: CallOptions) => Promise<T>): Promise<T> {
    return this.options.signal?.aborted ? task({}) : this.steadily(task);
  }

  /** Until there is an answer, joining anew where the SuperLink does not know the node any more. */
  private async steadily<T>(task: (call: CallOptions) => Promise<T>): Promise<T> {
    const { signal } = this.options;
    let wait = FIRST_WAIT;
    let unknown = false;
    let anew = false;
    for (;;) {
      try {
        if (unknown) {
          await this.enter({ signal });
          anew = true;
        }
        unknown = false;
        const answer = await task({ signal });
        if (wait > FIRST_WAIT) this.tell({ type: 'back' });
        return answer;
      } catch (error) {
        if (error instanceof Refused && error.status === 401 && !anew) {
          unknown = true;
          continue;
        }
        if (!(error instanceof Unreachable)) throw error;
        if (wait === FIRST_WAIT) this.tell({ type: 'lost', reason: error.message });
        await pause(wait * (0.8 + 0.4 * Math.random()), signal);
        wait = Math.min(2 * wait, LAST_WAIT);
      }
    }
  }

  private async enter(call: CallOptions): Promise<void> {
    const version = await this.superlink.version(call.signal);
    const { publicKey, registered } = this.superlink.identity;
    try {
      if (!registered) {
        const request = flower.KeyRequest.encode({ public_key: publicKey }).finish();
        await this.superlink.call('register-node', request, call).catch((error: unknown) => {
          if (!(error instanceof Refused && error.code === REGISTERED_BEFORE)) throw error;
        });
      }
      const request = flower.KeyRequest.encode({ public_key: publicKey, heartbeat_interval: HEARTBEAT }).finish();
      const { node_id } = flower.NodeId.decode(await this.superlink.call('activate-node', request, call));
      this.node = { node_id };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      throw new ThawError(
        'network',
        `the SuperLink at ${this.superlink.address} does not take this node: ${error.message}`,
        error.status === 401
          ? 'Set the clocks of both machines: requests are signed with the time'
          : registered
            ? 'Register its key with flwr supernode register'
            : 'Give the key of a node that was registered with flwr supernode register',
        { cause: error },
      );
    }
    this.tell({ type: 'joined', node: String(this.node.node_id), superlink: this.superlink.address, version });
  }

  /** What fails here is found out by whatever is asked next. */
  private heartbeat(after: number): void {
    this.beat = setTimeout(async () => {
      const request = flower.NodeRequest.encode({ node: this.node, heartbeat_interval: HEARTBEAT }).finish();
      const there = await this.superlink.call('send-node-heartbeat', request).then(
        (answer) => flower.HeartbeatAnswer.decode(answer).success,
        () => false,
      );
      if (!this.options.signal?.aborted) this.heartbeat(there ? BEAT_EVERY : BEAT_AGAIN);
    }, after);
  }

  private async leave(): Promise<void> {
    const { node_id } = this.node;
    if (node_id === undefined) return;
    const request = flower.NodeId.encode({ node_id }).finish();
    const { registered } = this.superlink.identity;
    for (const method of ['deactivate-node', ...(registered ? [] : ['unregister-node'])]) {
      // Nobody is there to be told.
      await this.superlink.call(method, request).catch(() => undefined);
    }
    this.tell({ type: 'left' });
  }

  private tell(event: NodeEvent): void {
    this.options.onEvent?.(event);
  }
}

/** Back to where a message came from, valid as long as that. */
function replyTo(to: flower.Metadata.$Properties, created_at: number): flower.Metadata.$Properties {
  const { run_id, src_node_id, dst_node_id, message_id, group_id, message_type, src_task_id, dst_task_id } = to;
  return {
    run_id,
    src_node_id: dst_node_id,
    dst_node_id: src_node_id,
    reply_to_message_id: message_id,
    group_id: group_id || undefined,
    ttl: (to.created_at ?? 0) + (to.ttl ?? 0) - created_at,
    message_type,
    created_at,
    src_task_id: dst_task_id,
    dst_task_id: src_task_id,
  };
}

function* idsOf({ object_id, children }: flower.ObjectTree.$Properties, seen = new Set<string>()): Generator<string> {
  if (!object_id || seen.has(object_id)) return;
  seen.add(object_id);
  yield object_id;
  for (const child of children ?? []) yield* idsOf(child, seen);
}

const treeOf = ({ id, children }: PackedObject): flower.ObjectTree.$Properties => ({
  object_id: id,
  children: children.map(treeOf),
});

/** A few at a time. */
async function inTurns(ids: readonly string[], task: (id: string) => Promise<void>): Promise<void> {
  const left = [...ids];
  const worker = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await task(id);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}

/** @throws AbortError */
const pause = (milliseconds: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const end = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', end);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', end, { once: true });
  });
