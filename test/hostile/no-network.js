// Loaded before a program (`node --import`). Any use of the network fails, and is recorded in the file DENIED.
import { appendFileSync } from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import process from 'node:process';

const require = createRequire(import.meta.url);

function deny(holder, name, permitted = () => false) {
  const original = holder[name];
  holder[name] = function denied(...words) {
    if (permitted(words)) return original.apply(this, words);
    appendFileSync(process.env.DENIED, `${name} ${String(words[0]?.href ?? words[0]?.host ?? words[0])}\n`);
    throw new Error(`the network is denied: ${name}`);
  };
}

// Local pipes are not a network.
const isPipe = ([first]) => {
  const options = Array.isArray(first) ? first[0] : first;
  return typeof options === 'string' || options?.path !== undefined;
};

deny(require('node:net').Socket.prototype, 'connect', isPipe);
deny(require('node:net').Server.prototype, 'listen', isPipe);
deny(require('node:dgram'), 'createSocket');
for (const module of [require('node:http'), require('node:https')])
  for (const name of ['request', 'get']) deny(module, name);
deny(require('node:http2'), 'connect');
deny(require('node:tls'), 'connect');
const dns = require('node:dns');
for (const name of ['lookup', 'resolve', 'resolve4', 'resolve6']) {
  deny(dns, name);
  deny(dns.promises, name);
}
deny(globalThis, 'fetch');
for (const name of ['WebSocket', 'EventSource']) deny(globalThis, name);
syncBuiltinESMExports();
