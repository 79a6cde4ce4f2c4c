import { render } from 'preact';
import { CHART_STYLE } from '../report/charts/index.ts';
import { App } from './components/app.tsx';
import { embedded, startEngine } from './engine.ts';
import { openKeeping } from './keeping.ts';
import { Studio } from './state/studio.ts';

const charts = new CSSStyleSheet();
charts.replaceSync(CHART_STYLE.text);
document.adoptedStyleSheets.push(charts);

const { shelf, project, notice } = await openKeeping();
const studio = new Studio(shelf, { start: startEngine, embedded, project });
const root = document.querySelector('#studio')!;
root.replaceChildren();
render(<App studio={studio} notice={notice} />, root);
await studio.restore();

// For the next visit without a network. Without https there is no service worker, and the page works all the same.
await navigator.serviceWorker?.register('service-worker.js').catch(() => undefined);
