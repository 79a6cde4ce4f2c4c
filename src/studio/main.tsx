import { render } from 'preact';
import { CHART_STYLE } from '../report/charts/index.ts';
import { App } from './components/app.tsx';
import { embedded, findEngine, photoModel } from './engine.ts';
import { clearPage, openKeeping } from './keeping.ts';
import { findCommand } from './served.ts';
import { Studio } from './state/studio.ts';

const charts = new CSSStyleSheet();
charts.replaceSync(CHART_STYLE.text);
document.adoptedStyleSheets.push(charts);

const [{ shelf, keeps, notice }, start, command] = await Promise.all([openKeeping(), findEngine(), findCommand()]);
const { model: served, network } = command;
const studio = new Studio(shelf, { start, embedded, photoModel, served, network, keeps, clearPage });
const root = document.querySelector('#studio')!;
root.replaceChildren();
render(<App studio={studio} notice={notice} />, root);
await studio.restore();

// For the next visit without a network. Without https there is no service worker, and the page works all the same. An address with a token
// has no next visit.
if (!network.length) await navigator.serviceWorker?.register('service-worker.js').catch(() => undefined);
