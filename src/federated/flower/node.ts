import { ThawError } from '../../errors.ts';
import { Delivery, type Waiting } from './delivery.ts';
import type { AppMessage, NodeEvent } from './events.ts';
import { type NodeIdentity, newIdentity } from './identity.ts';
import { Membership, pause } from './membership.ts';
import { type Content, packContent } from './records.ts';
import { Refused, SuperLink, type Transport } from './superlink.ts';

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
  /** Bytes that a message of the server may have: those of a state and some. 1 GiB unless given. */
  readonly limit?: number;
}

/** Bytes that a message may have, unless the model says. */
const LIMIT = 2 ** 30;

/** Characters of a name, and of a reason that the server is told. */
const NAME = 100;
const REASON = 1000;

/** Flower's numbers of errors. */
const APP_RAISED = 2;
const APP_ENDED = 8;

/**
 * Is a node of a Flower federation until asked to stop: registers, tells that it is there, answers one message after the other.
 * A SuperLink that goes away is waited for; one that was started anew is joined anew. Its answers are read up to limits; those that make no
 * sense are waited out, or told to the app's server.
 *
 * @throws ThawError `network` where the SuperLink cannot be reached at first, is of another version, or does not take the node or
 * give it messages
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
    this.member = new Membership(superlink, this.tell, options.signal);
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

  private async take(waiting: Waiting): Promise<void> {
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
      this.tell({ type: 'dropped', reason: error.message });
    }
  }

  private async reply(waiting: Waiting, message: AppMessage): Promise<void> {
    const { signal, answer } = this.options;
    this.tell({ type: 'message', message });
    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    let content: Content;
    try {
      content = await answer(message, signal);
    } catch (error) {
      return this.fail(waiting, message, error as Error, seconds());
    }
    const bytes = await this.delivery.push(waiting, { content: await packContent(content) }, seconds());
    this.tell({ type: 'answered', message, bytes });
  }

  private async fail(waiting: Waiting, message: AppMessage, error: Error, seconds: number): Promise<void> {
    const stopped = this.options.signal?.aborted;
    const why = error instanceof ThawError ? error.line : String(error);
    const reason = stopped ? 'the node was stopped' : why.slice(0, REASON);
    if (!stopped) this.tell({ type: 'failed', message, error });
    await this.delivery.push(waiting, { error: { code: stopped ? APP_ENDED : APP_RAISED, reason } }, seconds);
  }

  private readonly tell = (event: NodeEvent): void => this.options.onEvent?.(event);
}
