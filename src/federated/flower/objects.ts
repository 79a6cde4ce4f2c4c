import { sha256 } from '../../digest.ts';
import { ThawError } from '../../errors.ts';

/**
 * What Flower's messages are made of: an object has a type, the ids of its children and a body. As bytes it is
 * `TYPE ID,ID,… LENGTH\0BODY`, and its id is the SHA-256 of them, in hexadecimal.
 */
export interface FlowerObject {
  readonly type: string;
  readonly children: readonly string[];
  readonly body: Uint8Array;
}

/** An object as bytes, with all below it. */
export interface PackedObject {
  readonly id: string;
  readonly content: Uint8Array;
  readonly children: readonly PackedObject[];
}

/** @param children those that are the same are one */
export async function packObject(
  type: string,
  body: Uint8Array,
  children: readonly PackedObject[] = [],
): Promise<PackedObject> {
  const own = new Map(children.map((child) => [child.id, child]));
  const head = new TextEncoder().encode(`${type} ${[...own.keys()].join(',')} ${body.length}\0`);
  const content = new Uint8Array(head.length + body.length);
  content.set(head);
  content.set(body, head.length);
  return { id: await sha256(content), content, children: [...own.values()] };
}

/**
 * @returns with a body that is a view of the bytes
 * @throws ThawError `bad-data` where they are no object
 */
export function unpackObject(content: Uint8Array): FlowerObject {
  const end = content.indexOf(0);
  const [, type, ids, length] =
    /^(\w{1,40}) ([0-9a-f,]*) (\d{1,15})$/.exec(new TextDecoder().decode(content.subarray(0, Math.max(end, 0)))) ?? [];
  const body = content.subarray(end + 1);
  const children = ids ? ids.split(',') : [];
  if (type === undefined || Number(length) !== body.length || !children.every((id) => /^[0-9a-f]{64}$/.test(id)))
    throw damaged('it does not begin as one, or has another length');
  return { type, children, body };
}

export const damaged = (why: string): ThawError =>
  new ThawError(
    'bad-data',
    `an object of a Flower message cannot be read: ${why}`,
    'See docs/federated.md for versions',
  );

/** An object and all below it, each once, itself first. */
export function* everyObject(root: PackedObject, seen = new Set<string>()): Generator<PackedObject> {
  if (seen.has(root.id)) return;
  seen.add(root.id);
  yield root;
  for (const child of root.children) yield* everyObject(child, seen);
}

/** Of a message: Flower's own have five levels, and an object or two for each tensor. */
const MOST_OBJECTS = 30_000;
const MOST_LEVELS = 16;

/** What `idsIn` reads: objects by id, as a SuperLink lists them. */
interface ListedTree {
  readonly object_id?: string | null;
  readonly children?: readonly ListedTree[] | null;
}

/**
 * The ids in a tree of objects, each once.
 *
 * @throws ThawError `bad-data` if they are more, or deeper, than in a message
 */
export function idsIn(tree: ListedTree): Set<string> {
  const ids = new Set<string>();
  let level: readonly ListedTree[] = [tree];
  for (let depth = 0, count = 0; level.length; depth++) {
    count += level.length;
    if (depth === MOST_LEVELS) throw damaged(`its objects have more than ${MOST_LEVELS} levels`);
    if (count > MOST_OBJECTS) throw damaged(`it has more than ${MOST_OBJECTS} objects`);
    for (const { object_id } of level) {
      if (!/^[0-9a-f]{64}$/.test(object_id ?? '')) throw damaged('one of its objects has no id');
      ids.add(object_id!);
    }
    level = level.flatMap(({ children }) => children ?? []);
  }
  return ids;
}
