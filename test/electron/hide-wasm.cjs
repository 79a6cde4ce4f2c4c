// Loaded first. Simulates a missing @img/sharp-wasm32.
const Module = require('node:module');
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...others) {
  if (request.startsWith('@img/sharp-wasm32')) throw Object.assign(new Error(request), { code: 'MODULE_NOT_FOUND' });
  return resolve.call(this, request, ...others);
};
