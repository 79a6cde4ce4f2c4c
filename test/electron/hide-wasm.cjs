// Loaded first: as if @img/sharp-wasm32 were not installed.
const Module = require('node:module');
const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...others) {
  if (request.startsWith('@img/sharp-wasm32')) throw Object.assign(new Error(request), { code: 'MODULE_NOT_FOUND' });
  return resolve.call(this, request, ...others);
};
