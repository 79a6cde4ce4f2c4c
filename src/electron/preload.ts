/** The preload script of a sandboxed page: it exposes a few functions, and none of Electron's. */
import { contextBridge, ipcRenderer } from 'electron';
import { BRIDGE, type Bridge, CHANNELS } from './channels.ts';

const bridge: Bridge = {
  start: (id) => ipcRenderer.invoke(CHANNELS.start, id),
  pickImages: (options) => ipcRenderer.invoke(CHANNELS.pickImages, options),
  pickTexts: (options) => ipcRenderer.invoke(CHANNELS.pickTexts, options),
  pickModel: () => ipcRenderer.invoke(CHANNELS.pickModel),
  saveModel: (files) => ipcRenderer.invoke(CHANNELS.saveModel, files),
};
contextBridge.exposeInMainWorld(BRIDGE, bridge);

// Ports don't cross the bridge, but a message of the window takes them along. It goes to this very page, whatever its origin.
ipcRenderer.on(CHANNELS.ports, ({ ports }, id: number) => {
  window.postMessage({ type: CHANNELS.ports, id }, '*', [...ports]);
});
