import { ThawError } from '../../errors.ts';
import type { NodeEvent } from './events.ts';
import { flower } from './generated/fleet.js';
import { type CallOptions, Malformed, Refused, type SuperLink, Unreachable } from './superlink.ts';

/** Heartbeat timeout in seconds, and milliseconds between heartbeats. */
const HEARTBEAT = 30;
const BEAT_EVERY = 20_000;
const BEAT_AGAIN = 5_000;

/** Milliseconds before the next attempt; doubles from the first to the last. */
export const FIRST_WAIT = 1000;
export const LAST_WAIT = 20_000;

/** Flower's error code. */
const REGISTERED_BEFORE = 23;

/** Membership of a node at a SuperLink: it joins, sends heartbeats, repeats requests until they succeed, and leaves. */
export class Membership {
  node: flower.NodeId.$Properties = {};
  private beat: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly superlink: SuperLink,
    private readonly emit: (event: NodeEvent) => void,
    readonly signal: AbortSignal | undefined,
  ) {}

  /** @throws ThawError `network` if the SuperLink is unreachable, has another version, or rejects the node */
  async begin(): Promise<void> {
    await this.enter({ signal: this.signal }).catch((error: unknown) => {
      if (!(error instanceof Unreachable || error instanceof Malformed)) throw error;
      const hint = 'Check the address, and that the SuperLink is running';
      throw new ThawError('network', error.message, hint, { cause: error });
    });
    this.heartbeat(BEAT_EVERY);
  }

  /** Sends results even after a stop request, if one attempt succeeds. */
  sending<T>(task: (call: CallOptions) => Promise<T>): Promise<T> {
    return this.signal?.aborted ? task({}) : this.retrying(task);
  }

  /**
   * Repeats a request until it succeeds, and joins again if the SuperLink no longer knows the node.
   *
   * @param retryMalformed also repeats after answers that do not come from a SuperLink, such as those of a proxy or a broken server
   */
  async retrying<T>(task: (call: CallOptions) => Promise<T>, retryMalformed = false): Promise<T> {
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
        if (wait > FIRST_WAIT) this.emit({ type: 'back' });
        return answer;
      } catch (error) {
        if (error instanceof Refused && error.status === 401 && !anew) {
          unknown = true;
          continue;
        }
        const broken = error instanceof Malformed || (error instanceof Refused && error.status >= 500);
        if (!(error instanceof Unreachable || (broken && (retryMalformed || unknown)))) throw error;
        if (wait === FIRST_WAIT) this.emit({ type: 'lost', reason: error.message });
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
        `the SuperLink at ${this.superlink.address} rejects this node: ${error.message}`,
        error.status === 401
          ? 'Synchronize the clocks of both machines: signatures contain the time'
          : registered
            ? 'Register its key with flwr supernode register'
            : 'Give the key of a registered node (flwr supernode register)',
        { cause: error },
      );
    }
    this.emit({ type: 'joined', node: String(this.node.node_id), superlink: this.superlink.address, version });
  }

  /** Ignores failures, because the next request meets the same problem. */
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
      // Ignores errors, because nobody needs to know.
      await this.superlink.call(method, request, flower.Nothing).catch(() => undefined);
    }
    this.emit({ type: 'left' });
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
