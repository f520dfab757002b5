// An import of node:http asks it for every name that it exports, and three of them are Node's own fetch: 13 MB of memory
// that nothing here uses.
export const { createServer, request } = process.getBuiltinModule('node:http');
