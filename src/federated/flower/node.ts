import { ThawError } from '../../errors.ts';
import { Delivery, type PendingMessage } from './delivery.ts';
import type { AppMessage, NodeEvent } from './events.ts';
import { type NodeIdentity, newIdentity } from './identity.ts';
import { Membership, pause } from './membership.ts';
import { type Content, packContent } from './records.ts';
import { Refused, SuperLink, type Transport } from './superlink.ts';

export interface NodeOptions {
  readonly transport: Transport;
  /** An identity registered with `flwr supernode register`. Default: a new one, which registers itself. */
  readonly identity?: NodeIdentity;
  /** Answers a message. Its errors are reported to the app's server. */
  readonly answer: (message: AppMessage, signal: AbortSignal | undefined) => Promise<Content>;
  readonly onEvent?: (event: NodeEvent) => void;
  /** Ends the node, after it has signed off from the SuperLink. */
  readonly signal?: AbortSignal;
  /** Milliseconds between requests for messages. Default: 3000, as in Flower's own nodes. */
  readonly poll?: number;
  /** Maximum bytes of a message from the server: those of a state, plus a margin. Default: 1 GiB. */
  readonly limit?: number;
}

/** Default limit for a message, in bytes. */
const LIMIT = 2 ** 30;

/** Maximum characters of a name, and of an error text for the server. */
const NAME = 100;
const REASON = 1000;

/** Flower's error codes. */
const APP_RAISED = 2;
const APP_ENDED = 8;

/**
 * Runs a node of a Flower federation until the signal stops it: registers, sends heartbeats, and answers messages one after the other. If
 * the SuperLink disappears, the node waits and joins again. Answers are read up to limits. After invalid answers, the node waits, or
 * reports an error to the app's server.
 *
 * @throws ThawError `network` if the SuperLink is unreachable at the start, has another version, rejects the node, or refuses messages
 */
export async function runNode(options: NodeOptions): Promise<void> {
  const identity = options.identity ?? (await newIdentity());
  await new FleetNode(new SuperLink(options.transport, identity), options).run();
}

class FleetNode {
  private readonly member: Membership;
  private readonly delivery: Delivery;

  constructor(
    superlink: SuperLink,
    private readonly options: NodeOptions,
  ) {
    this.member = new Membership(superlink, this.emit, options.signal);
    this.delivery = new Delivery(this.member, options.limit ?? LIMIT);
  }

  async run(): Promise<void> {
    const { signal, poll = 3000 } = this.options;
    try {
      await this.member.begin();
      while (!signal?.aborted) {
        const waiting = await this.delivery.next();
        await (waiting ? this.take(waiting) : pause(poll, signal));
      }
    } catch (error) {
      if (!signal?.aborted) throw error;
    } finally {
      await this.member.leave();
    }
  }

  private async take(waiting: PendingMessage): Promise<void> {
    const { run_id, message_type, group_id } = waiting.metadata;
    const [type, group] = [message_type, group_id].map((name) => (name ?? '').slice(0, NAME));
    const about = { type, run: String(run_id), group };
    try {
      const content = await this.delivery.receive(waiting);
      await (content instanceof ThawError
        ? this.fail(waiting, { ...about, content: new Map() }, content, 0)
        : this.reply(waiting, { ...about, content }));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      this.emit({ type: 'dropped', reason: error.message });
    }
  }

  private async reply(waiting: PendingMessage, message: AppMessage): Promise<void> {
    const { signal, answer } = this.options;
    this.emit({ type: 'message', message });
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    let content: Content;
    try {
      content = await answer(message, signal);
    } catch (error) {
      return this.fail(waiting, message, error as Error, seconds());
    }
    const bytes = await this.delivery.push(waiting, { content: await packContent(content) }, seconds());
    this.emit({ type: 'answered', message, bytes });
  }

  private async fail(waiting: PendingMessage, message: AppMessage, error: Error, seconds: number): Promise<void> {
    const stopped = this.options.signal?.aborted;
    const why = error instanceof ThawError ? error.line : String(error);
    const reason = stopped ? 'the node was stopped' : why.slice(0, REASON);
    if (!stopped) this.emit({ type: 'failed', message, error });
    await this.delivery.push(waiting, { error: { code: stopped ? APP_ENDED : APP_RAISED, reason } }, seconds);
  }

  private readonly emit = (event: NodeEvent): void => this.options.onEvent?.(event);
}
