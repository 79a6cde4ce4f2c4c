/** An in-memory fake of a SuperLink's Fleet API for nodes, with rare failures. */
import { createVerify } from 'node:crypto';
import { flower } from '../../../src/federated/flower/generated/fleet.js';
import { everyObject, type PackedObject, packObject, unpackObject } from '../../../src/federated/flower/objects.ts';
import { type Content, packContent, unpackContent } from '../../../src/federated/flower/records.ts';
import type { Transport } from '../../../src/federated/flower/superlink.ts';

export interface Reply {
  readonly metadata: flower.Metadata.$Properties;
  readonly error?: flower.Error.$Properties | null;
  readonly content?: Content;
}

const json = (status: number, value: object) => ({ status, body: new TextEncoder().encode(JSON.stringify(value)) });
const treeOf = ({ id, children }: PackedObject): flower.ObjectTree.$Properties => ({
  object_id: id,
  children: children.map(treeOf),
});

export class FakeSuperLink implements Transport {
  readonly address = 'http://fake:8000';
  version = '1.42.3';
  /** Number of requests that fail before the next answer. */
  down = 0;
  /** Called before a request of this method is answered; returns another answer, or undefined. */
  instead: (method: string) => { status: number; body: Uint8Array } | undefined = () => undefined;
  readonly asked: string[] = [];
  readonly nodes = new Map<string, number>();
  readonly replies: Reply[] = [];
  /** Active nodes. */
  readonly active = new Set<number>();
  private readonly waiting: { message: flower.Message.$Properties; root: PackedObject }[] = [];
  private readonly objects = new Map<string, Uint8Array>();
  private readonly pushed = new Map<string, Uint8Array>();
  private open: { message: flower.Message.$Properties; left: Set<string> } | undefined;
  private next = 1000;

  /** Sends a message to the only node. @returns its expiry time, in seconds */
  async ask(content: Content, type = 'train'): Promise<number> {
    const packed = await packContent(content);
    const metadata = {
      run_id: 7,
      src_node_id: 1,
      dst_node_id: 0,
      message_type: type,
      ttl: 3600,
      created_at: Date.now() / 1000,
    };
    const root = await packObject('Message', flower.Message.encode({ metadata }).finish(), [packed]);
    for (const object of everyObject(root)) this.objects.set(object.id, object.content);
    this.waiting.push({ message: { metadata: { ...metadata, message_id: root.id }, content: {} }, root });
    return metadata.created_at + metadata.ttl;
  }

  /** Changes a byte of every stored object. */
  damage(): void {
    for (const content of this.objects.values()) content[content.length - 1] ^= 1;
  }

  /** Simulates a restart: forgets all nodes and messages. */
  restart(): void {
    this.nodes.clear();
    this.active.clear();
    this.open = undefined;
  }

  exchange: Transport['exchange'] = async (path, { body, headers, signal }) => {
    signal.throwIfAborted();
    if (this.down-- > 0) throw new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') });
    if (path === '/openapi.json') return json(200, { info: { title: 'SuperLink API', version: this.version } });
    const method = path.slice('/v1/fleet/'.length);
    this.asked.push(method);
    const other = this.instead(method);
    if (other) return other;
    const key = Buffer.from(headers['flwr-public-key'], 'base64').toString();
    const signed = createVerify('SHA256').update(headers['flwr-timestamp']);
    if (!signed.verify(key, headers['flwr-signature'], 'base64')) return json(401, { detail: 'Invalid' });
    const known = this.nodes.get(key);
    if (known === undefined && method !== 'register-node' && method !== 'activate-node')
      return json(401, { detail: 'Invalid SuperNode authentication' });
    return this.answer(method, body!, key);
  };

  private answer(method: string, body: Uint8Array, key: string) {
    const ok = (encoded: { finish(): Uint8Array } | undefined) => ({
      status: 200,
      body: encoded?.finish() ?? new Uint8Array(),
    });
    switch (method) {
      case 'register-node':
        if (this.nodes.has(key)) return json(412, { code: 23, detail: 'Public key already in use.' });
        this.nodes.set(key, this.next++);
        return ok(undefined);
      case 'activate-node': {
        const node_id = this.nodes.get(key);
        if (node_id === undefined) return json(412, { code: 2004, detail: 'Failed to activate SuperNode.' });
        this.active.add(node_id);
        return ok(flower.NodeId.encode({ node_id }));
      }
      case 'deactivate-node':
        this.active.delete(this.nodes.get(key)!);
        return ok(undefined);
      case 'unregister-node':
        this.nodes.delete(key);
        return ok(undefined);
      case 'send-node-heartbeat':
        return ok(flower.HeartbeatAnswer.encode({ success: true }));
      case 'pull-messages': {
        const [first] = this.waiting.splice(0, 1);
        return ok(flower.Pulled.encode(first ? { messages: [first.message], trees: [treeOf(first.root)] } : {}));
      }
      case 'pull-object': {
        const content = this.objects.get(flower.ObjectRequest.decode(body).object_id);
        return ok(
          flower.FoundObject.encode({ found: content !== undefined, available: content !== undefined, content }),
        );
      }
      case 'confirm-message-received':
        return ok(undefined);
      case 'push-messages': {
        const { messages, trees } = flower.PushRequest.decode(body);
        const ids = new Set<string>();
        const walk = (tree: flower.ObjectTree.$Properties) => {
          if (!this.pushed.has(tree.object_id!)) ids.add(tree.object_id!);
          for (const child of tree.children ?? []) walk(child);
        };
        walk(trees[0]);
        this.open = { message: messages[0], left: ids };
        return ok(flower.Pushed.encode({ objects: [...ids], session: 'session' }));
      }
      case 'push-object': {
        const { object_id, content } = flower.ObjectRequest.decode(body);
        const stored = this.open?.left.delete(object_id) ?? false;
        if (stored) this.pushed.set(object_id, content);
        if (stored && this.open?.left.size === 0) this.take(this.open.message);
        return ok(flower.StoredObject.encode({ stored }));
      }
      default:
        return json(404, { detail: 'Not Found' });
    }
  }

  private take({ metadata, error }: flower.Message.$Properties): void {
    const root = unpackObject(this.pushed.get(metadata!.message_id!)!);
    const content = root.children.length ? unpackContent(root.children[0], this.pushed) : undefined;
    this.replies.push({ metadata: metadata!, error, content });
  }
}
