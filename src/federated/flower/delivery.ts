import { sha256 } from '../../digest.ts';
import { ThawError } from '../../errors.ts';
import { flower } from './generated/fleet.js';
import { FIRST_WAIT, LAST_WAIT, type Membership, pause } from './membership.ts';
import { damaged, everyObject, idsIn, type PackedObject, packObject, unpackObject } from './objects.ts';
import { type Content, unpackContent } from './records.ts';
import { Malformed, Refused } from './superlink.ts';

/** Maximum objects in transfer at a time. */
const AT_A_TIME = 2;

/** Maximum bytes of an object (Flower's have 5 MiB and a header by default), and of a list of objects. */
const MOST_OF_OBJECT = 2 ** 25;
const MOST_OF_LIST = 2 ** 22;

/** Bytes of an answer in addition to its object. */
const ENVELOPE = 1024;

/** Maximum number of pulls for an object that is still being sent. */
const PULLS = 60;

/** Maximum number of new push attempts if the SuperLink gives up. */
const PUSHES = 5;

/** A message for this node, and its objects. */
export interface PendingMessage {
  readonly metadata: flower.Metadata.$Properties;
  readonly tree: flower.ObjectTree.$Properties;
}

/** Receives and sends the messages of a member, object by object. */
export class Delivery {
  constructor(
    private readonly member: Membership,
    /** Maximum bytes of a message. */
    private readonly limit: number,
  ) {}

  /** @throws ThawError `network` if the SuperLink refuses messages */
  async next(): Promise<PendingMessage | undefined> {
    const request = () => flower.NodeRequest.encode({ node: this.member.node }).finish();
    const limit = MOST_OF_LIST;
    try {
      const { messages, trees } = await this.member.retrying(
        (call) => this.member.superlink.call('pull-messages', request(), flower.Pulled, { ...call, limit }),
        true,
      );
      const [{ metadata } = {}] = messages;
      return metadata && trees[0] ? { metadata, tree: trees[0] } : undefined;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      throw new ThawError(
        'network',
        `the SuperLink at ${this.member.superlink.address} refuses messages: ${error.message}`,
        'Ask its operator whether this node may take part, and join again',
        { cause: error },
      );
    }
  }

  /** @returns an error if the message cannot be read */
  async receive({ metadata, tree }: PendingMessage): Promise<Content | ThawError> {
    const { run_id, message_id } = metadata;
    const { limit } = this;
    try {
      const objects = new Map<string, Uint8Array>();
      let left = limit;
      await concurrently([...idsIn(tree)], async (id) => {
        const content = await this.pull(run_id, id, Math.min(left, MOST_OF_OBJECT));
        left -= content.length;
        if (left < 0) throw damaged(`it has more than ${limit} bytes, the limit for a state of this model`);
        if ((await sha256(content)) !== id) throw damaged('its bytes do not match its id');
        objects.set(id, content);
      });
      const confirmation = () => flower.ConfirmRequest.encode({ node: this.member.node, run_id, message_id }).finish();
      await this.member.retrying((call) =>
        this.member.superlink.call('confirm-message-received', confirmation(), flower.Nothing, call),
      );
      const root = objects.get(message_id ?? '');
      const [records] = root ? unpackObject(root).children : [];
      if (records === undefined) throw damaged('the message has no content');
      return unpackContent(records, objects, limit);
    } catch (error) {
      if (error instanceof ThawError) return error;
      throw error;
    }
  }

  private async pull(run_id: flower.Metadata.$Properties['run_id'], id: string, limit: number): Promise<Uint8Array> {
    let wait = FIRST_WAIT;
    for (let tries = 0; tries < PULLS; tries++) {
      const request = () => flower.ObjectRequest.encode({ node: this.member.node, run_id, object_id: id }).finish();
      const answer = await this.member
        .retrying((call) =>
          this.member.superlink.call('pull-object', request(), flower.FoundObject, {
            ...call,
            long: true,
            limit: limit + ENVELOPE,
          }),
        )
        .catch((error: unknown) => {
          throw error instanceof Malformed ? damaged(error.message) : error;
        });
      if (!answer.found) throw new Refused(`the SuperLink has lost object ${id}`, 404, undefined);
      if (answer.available) return answer.content;
      // The server is still sending the object.
      await pause(wait, this.member.signal);
      wait = Math.min(2 * wait, LAST_WAIT);
    }
    throw damaged(`object ${id} did not arrive`);
  }

  /** @returns bytes sent */
  async push(
    { metadata: to }: PendingMessage,
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
        flower.PushRequest.encode({
          node: this.member.node,
          messages,
          trees: [treeOf(root)],
          seconds: [seconds],
        }).finish();
      const limit = MOST_OF_LIST;
      const { objects: asked, session } = await this.member.sending((call) =>
        this.member.superlink.call('push-messages', request(), flower.Pushed, { ...call, limit }),
      );
      const wanted = [...new Set(asked)];
      if (!wanted.every((id) => objects.has(id)))
        throw this.member.superlink.malformed('push-messages', 'a request for objects that are not in the answer');
      let whole = true;
      await concurrently(wanted, async (id) => {
        const { run_id } = metadata;
        const content = objects.get(id)!;
        const request = () =>
          flower.ObjectRequest.encode({ node: this.member.node, run_id, object_id: id, content, session }).finish();
        const { stored } = await this.member.sending((call) =>
          this.member.superlink.call('push-object', request(), flower.StoredObject, { ...call, long: true }),
        );
        if (stored) sent += content.length;
        else whole = false;
      });
      if (whole) return sent;
      if (attempt === PUSHES) throw new Refused('the SuperLink does not accept the answer', 200, undefined);
    }
  }
}

/** Metadata of a reply, with the validity of the message. */
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

const treeOf = ({ id, children }: PackedObject): flower.ObjectTree.$Properties => ({
  object_id: id,
  children: children.map(treeOf),
});

/** Runs tasks for all ids, a few at a time. */
async function concurrently(ids: readonly string[], task: (id: string) => Promise<void>): Promise<void> {
  const left = [...ids];
  const worker = async () => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) await task(id);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}
