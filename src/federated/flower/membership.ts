import { ThawError } from '../../errors.ts';
import type { NodeEvent } from './events.ts';
import { flower } from './generated/fleet.js';
import { type CallOptions, Malformed, Refused, type SuperLink, Unreachable } from './superlink.ts';

/** Seconds within which a node tells that it is there, and milliseconds between two times it does. */
const HEARTBEAT = 30;
const BEAT_EVERY = 20_000;
const BEAT_AGAIN = 5_000;

/** Milliseconds before another try, doubled from the first to the last. */
export const FIRST_WAIT = 1000;
export const LAST_WAIT = 20_000;

/** Flower's number of an error. */
const REGISTERED_BEFORE = 23;

/** A node's place at a SuperLink: it joins, tells that it is there, asks until there is an answer, and leaves. */
export class Membership {
  node: flower.NodeId.$Properties = {};
  private beat: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly superlink: SuperLink,
    private readonly tell: (event: NodeEvent) => void,
    readonly signal: AbortSignal | undefined,
  ) {}

  /** @throws ThawError `network` where the SuperLink cannot be reached, is of another version or does not take the node */
  async begin(): Promise<void> {
    await this.enter({ signal: this.signal }).catch((error: unknown) => {
      if (!(error instanceof Unreachable || error instanceof Malformed)) throw error;
      const hint = 'Check the address, and that the SuperLink runs';
      throw new ThawError('network', error.message, hint, { cause: error });
    });
    this.heartbeat(BEAT_EVERY);
  }

  /** What was learned goes out even where the node is asked to stop, if it can at once. */
  sending<T>(task: (call: CallOptions) => Promise<T>): Promise<T> {
    return this.signal?.aborted ? task({}) : this.steadily(task);
  }

  /**
   * Until there is an answer, joining anew where the SuperLink does not know the node any more.
   *
   * @param patient asks again after answers that are none of a SuperLink's, too, as a proxy or a broken server gives them
   */
  async steadily<T>(task: (call: CallOptions) => Promise<T>, patient = false): Promise<T> {
    const { signal } = this;
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
        const broken = error instanceof Malformed || (error instanceof Refused && error.status >= 500);
        if (!(error instanceof Unreachable || (broken && (patient || unknown)))) throw error;
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
        await this.superlink.call('register-node', request, flower.Nothing, call).catch((error: unknown) => {
          if (!(error instanceof Refused && error.code === REGISTERED_BEFORE)) throw error;
        });
      }
      const request = flower.KeyRequest.encode({ public_key: publicKey, heartbeat_interval: HEARTBEAT }).finish();
      const { node_id } = await this.superlink.call('activate-node', request, flower.NodeId, call);
      this.node = { node_id };
    } catch (error) {
      if (!(error instanceof Refused) || error instanceof Malformed) throw error;
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
      const there = await this.superlink.call('send-node-heartbeat', request, flower.HeartbeatAnswer).then(
        ({ success }) => success,
        () => false,
      );
      if (!this.signal?.aborted) this.heartbeat(there ? BEAT_EVERY : BEAT_AGAIN);
    }, after);
  }

  async leave(): Promise<void> {
    clearTimeout(this.beat);
    const { node_id } = this.node;
    if (node_id === undefined) return;
    const request = flower.NodeId.encode({ node_id }).finish();
    const { registered } = this.superlink.identity;
    for (const method of ['deactivate-node', ...(registered ? [] : ['unregister-node'])]) {
      // Nobody is there to be told.
      await this.superlink.call(method, request, flower.Nothing).catch(() => undefined);
    }
    this.tell({ type: 'left' });
  }
}

/** @throws AbortError */
export const pause = (milliseconds: number, signal: AbortSignal | undefined): Promise<void> =>
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
