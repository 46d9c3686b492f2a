import { defineConfig, type Plugin } from 'vite';
import react from '@vitejs/plugin-react';
import { notices } from './notices.mts';

export default defineConfig({
  plugins: [lightChime(), react(), notices('notices.txt')],
  define: { global: 'globalThis' }, // the Chime client was written for bundlers that know Node's name of it
  build: {
    emptyOutDir: true,
    // Inlined files would be data: URLs, for which the policy in web.go makes no exception but for pictures.
    assetsInlineLimit: 0,
    // The Chime client is one chunk, loaded while people are in the lobby.
    chunkSizeWarningLimit: 1000,
  },
});

// lightChime cuts the one thread by which the Chime client's meeting session
// hangs on the client's index: a task that takes two classes from there. With
// the index come messaging, a second AWS SDK and background effects that load
// models from elsewhere, half of the whole.
function lightChime(): Plugin {
  const index = 'require("..")';
  const needed = `{
    MeetingSessionStatus: require("../meetingsession/MeetingSessionStatus").default,
    MeetingSessionStatusCode: require("../meetingsession/MeetingSessionStatusCode").default,
  }`;
  return {
    name: 'carillon-light-chime',
    transform: {
      filter: { id: /amazon-chime-sdk-js\/build\/task\/PromoteToPrimaryMeetingTask\.js$/ },
      handler(code) {
        if (!code.includes(index)) this.error(`the Chime client changed: ${index} is gone, and perhaps this plugin's reason with it`);
        return { code: code.replace(index, needed), map: null };
      },
    },
  };
}
