// A web server that classifies images:  npx tsx examples/server.ts runs/images-1
// then:                                 curl --data-binary @cat.jpg http://localhost:3000
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { loadModel } from 'thaw';

const classify = await loadModel(process.argv[2] ?? 'runs/images-1'); // stays loaded
const server = createServer(async (request, response) => {
  const answer = await classify(await buffer(request), { topK: 3 }).catch((error: Error) => error);
  if (answer instanceof Error) response.writeHead(400).end(answer.message);
  else response.end(JSON.stringify(answer.top));
});
server.listen(Number(process.env.PORT ?? 3000));
