/** Addresses as they may be printed and written down. */

/** An address without user, password and query, which may be secret. Host and path stay, and a model's checksum. */
export function publicAddress(address: string): string {
  if (!/[@?]/.test(address)) return address;
  const { protocol, host, pathname, hash } = URL.canParse(address) ? new URL(address) : ({} as Partial<URL>);
  if (host) return `${protocol}//${host}${pathname}${/^#sha256=[0-9a-f]{64}$/i.test(hash ?? '') ? hash : ''}`;
  // Nobody can say where the password of such an address ends.
  return address.replace(/^([a-z][a-z\d+.-]*:[/\\]*)?.*@/is, '$1').replace(/[?#].*$/s, '');
}

// The sign that ends it is the sentence's.
const ADDRESS = /\b[a-z][a-z\d+.-]{0,20}:\/\/[^\s"'<>`]*[^\s"'<>`.,;:!?)]/gi;

/** A text with `publicAddress` of each address in it. */
export const withoutSecrets = (text: string): string => text.replace(ADDRESS, publicAddress);
