import { render } from 'preact';
import { CHART_STYLE } from '../report/charts/index.ts';
import { App } from './components/app.tsx';
import { embedded, findEngine, photoModel } from './engine.ts';
import { clearPage, openKeeping } from './keeping.ts';
import { findServed } from './served.ts';
import { Studio } from './state/studio.ts';

const charts = new CSSStyleSheet();
charts.replaceSync(CHART_STYLE.text);
document.adoptedStyleSheets.push(charts);

const [{ shelf, keeps, notice }, start, served] = await Promise.all([openKeeping(), findEngine(), findServed()]);
const studio = new Studio(shelf, { start, embedded, photoModel, served, keeps, clearPage });
const root = document.querySelector('#studio')!;
root.replaceChildren();
render(<App studio={studio} notice={notice} />, root);
await studio.restore();

// For the next visit without a network. Without https there is no service worker, and the page works all the same.
await navigator.serviceWorker?.register('service-worker.js').catch(() => undefined);
