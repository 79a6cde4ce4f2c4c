import { sha256 } from '../../digest.ts';
import { ThawError } from '../../errors.ts';

/**
 * An object of Flower's messages: a type, the ids of its children, and a body. Its bytes are `TYPE ID,ID,… LENGTH\0BODY`, and its id is
 * their SHA-256 in hexadecimal.
 */
export interface FlowerObject {
  readonly type: string;
  readonly children: readonly string[];
  readonly body: Uint8Array;
}

/** An object as bytes, with all its descendants. */
export interface PackedObject {
  readonly id: string;
  readonly content: Uint8Array;
  readonly children: readonly PackedObject[];
}

/** @param children equal children are stored once */
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
 * @returns the object; its body is a view of the bytes
 * @throws ThawError `bad-data` if the bytes are not an object
 */
export function unpackObject(content: Uint8Array): FlowerObject {
  const end = content.indexOf(0);
  const [, type, ids, length] =
    /^(\w{1,40}) ([0-9a-f,]*) (\d{1,15})$/.exec(new TextDecoder().decode(content.subarray(0, Math.max(end, 0)))) ?? [];
  const body = content.subarray(end + 1);
  const children = ids ? ids.split(',') : [];
  if (type === undefined || Number(length) !== body.length || !children.every((id) => /^[0-9a-f]{64}$/.test(id)))
    throw damaged('it has an invalid header or length');
  return { type, children, body };
}

export const damaged = (why: string): ThawError =>
  new ThawError(
    'bad-data',
    `an object of a Flower message cannot be read: ${why}`,
    'See docs/federated.md for versions',
  );

/** An object and its descendants, each once, starting with itself. */
export function* everyObject(root: PackedObject, seen = new Set<string>()): Generator<PackedObject> {
  if (seen.has(root.id)) return;
  seen.add(root.id);
  yield root;
  for (const child of root.children) yield* everyObject(child, seen);
}

/** Limits for a message. Flower's own have five levels, and one or two objects for each tensor. */
const MOST_OBJECTS = 30_000;
const MOST_LEVELS = 16;

/** Objects by id, in the format of a SuperLink's lists. */
interface ListedTree {
  readonly object_id?: string | null;
  readonly children?: readonly ListedTree[] | null;
}

/**
 * The ids in a tree of objects, each once.
 *
 * @throws ThawError `bad-data` if there are too many objects or levels
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
