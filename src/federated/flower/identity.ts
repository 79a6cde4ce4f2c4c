import { ThawError } from '../../errors.ts';

/** Identity of a node: an ECDSA key that signs every request. */
export interface NodeIdentity {
  /** PEM of the SubjectPublicKeyInfo, as bytes. */
  readonly publicKey: Uint8Array;
  /** Whether the SuperLink already knows the key, so that the node does not register itself. */
  readonly registered: boolean;
  /** @returns the signature in DER */
  sign(text: string): Promise<Uint8Array>;
}

/** The curve of Flower's own keys. */
const CURVE = 'P-384';

/** A new node, unknown to the SuperLink. */
export async function newIdentity(): Promise<NodeIdentity> {
  const { publicKey, privateKey } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: CURVE }, false, [
    'sign',
    'verify',
  ]);
  return identity(publicKey, privateKey, false);
}

/**
 * The node of a key that was registered with `flwr supernode register`.
 *
 * @param key an OpenSSH private key on a NIST curve without a passphrase, as from `ssh-keygen -t ecdsa -b 384 -N ""`
 * @throws ThawError `bad-config` for an invalid key
 */
export async function identityOf(key: string): Promise<NodeIdentity> {
  const { crv, x, y, d } = readOpenSshKey(key);
  const algorithm = { name: 'ECDSA', namedCurve: crv };
  const common = { kty: 'EC', crv, x, y };
  try {
    const publicKey = await crypto.subtle.importKey('jwk', common, algorithm, true, ['verify']);
    return identity(
      publicKey,
      await crypto.subtle.importKey('jwk', { ...common, d }, algorithm, false, ['sign']),
      true,
    );
  } catch (cause) {
    throw badKey('it is damaged', cause);
  }
}

async function identity(publicKey: CryptoKey, privateKey: CryptoKey, registered: boolean): Promise<NodeIdentity> {
  const spki = base64(new Uint8Array(await crypto.subtle.exportKey('spki', publicKey)));
  const pem = `-----BEGIN PUBLIC KEY-----\n${spki.replace(/.{1,64}/g, '$&\n')}-----END PUBLIC KEY-----\n`;
  return {
    publicKey: new TextEncoder().encode(pem),
    registered,
    sign: async (text) => {
      const bytes = new TextEncoder().encode(text);
      return derSignature(
        new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, bytes)),
      );
    },
  };
}

/** Converts r and s, concatenated as in Web Cryptography, to a SEQUENCE of two INTEGERs. */
function derSignature(raw: Uint8Array): Uint8Array {
  const half = raw.length / 2;
  const body = [raw.subarray(0, half), raw.subarray(half)].flatMap((part) => {
    const first = part.findIndex((byte) => byte !== 0);
    const value = [...part.subarray(first < 0 ? half - 1 : first)];
    // A leading 1 bit would make the number negative.
    if (value[0] > 127) value.unshift(0);
    return [0x02, value.length, ...value];
  });
  return Uint8Array.from([0x30, ...(body.length > 127 ? [0x81] : []), body.length, ...body]);
}

const CURVES: Readonly<Record<string, { readonly crv: string; readonly bytes: number }>> = {
  nistp256: { crv: 'P-256', bytes: 32 },
  nistp384: { crv: 'P-384', bytes: 48 },
  nistp521: { crv: 'P-521', bytes: 66 },
};

const OPENSSH = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END OPENSSH PRIVATE KEY-----/;

/** https://github.com/openssh/openssh-portable/blob/master/PROTOCOL.key */
function readOpenSshKey(key: string) {
  const [, encoded] = OPENSSH.exec(key) ?? [];
  if (encoded === undefined) throw badKey('it is not an OpenSSH private key');
  const fields = new Fields(fromBase64(encoded.replace(/\s/g, '')).subarray('openssh-key-v1\0'.length));
  const cipher = fields.text();
  if (cipher !== 'none') throw badKey('it has a passphrase');
  fields.skip(2);
  fields.number();
  fields.skip(1);
  const own = new Fields(fields.bytes());
  own.number();
  own.number();
  own.skip(1);
  const curve = CURVES[own.text()];
  if (!curve) throw badKey('it is not on a NIST curve');
  const point = own.bytes();
  const secret = own.bytes();
  const { crv, bytes } = curve;
  const d = new Uint8Array(bytes);
  const significant = secret.subarray(Math.max(0, secret.length - bytes));
  d.set(significant, bytes - significant.length);
  const [x, y] = [point.subarray(1, 1 + bytes), point.subarray(1 + bytes)].map(base64Url);
  return { crv, x, y, d: base64Url(d) };
}

/** Reads consecutive fields that start with their length. */
class Fields {
  private at = 0;

  constructor(private readonly data: Uint8Array) {}

  number(): number {
    if (this.at + 4 > this.data.length) throw badKey('it is damaged');
    const { buffer, byteOffset } = this.data;
    this.at += 4;
    return new DataView(buffer, byteOffset + this.at - 4, 4).getUint32(0);
  }

  bytes(): Uint8Array {
    const length = this.number();
    this.at += length;
    return this.data.subarray(this.at - length, this.at);
  }

  text = (): string => new TextDecoder().decode(this.bytes());

  skip(count: number): void {
    for (let i = 0; i < count; i++) this.bytes();
  }
}

const badKey = (why: string, cause?: unknown): ThawError =>
  new ThawError(
    'bad-config',
    `the key of the node cannot be read: ${why}`,
    'Create one with ssh-keygen -t ecdsa -b 384 -N ""',
    { cause },
  );

export const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes));
const base64Url = (bytes: Uint8Array): string =>
  base64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0));
