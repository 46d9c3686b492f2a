import { useEffect, useState } from 'react';
import { listDevices, noDevices, watchDevices } from '../devices/list';
import type { Inputs } from '../meeting/inputs';
import { useObservable } from '../observable';
import { DeviceSelect } from '../parts/device-select';
import { Dialog } from './dialog';

export function Settings({ inputs, close }: { inputs: Inputs; close: () => void }) {
  const { choice } = useObservable(inputs);
  const [devices, setDevices] = useState(noDevices);
  useEffect(() => {
    const list = () => void listDevices().then(setDevices);
    list();
    return watchDevices(list);
  }, []);
  return (
    <Dialog title="Devices" close={close}>
      <DeviceSelect label="Microphone" icon="mic" devices={devices.microphones} chosen={choice.microphone}
        choose={(id) => void inputs.chooseMicrophone(id)} />
      <DeviceSelect label="Camera" icon="camera" devices={devices.cameras} chosen={choice.camera}
        choose={(id) => void inputs.chooseCamera(id)} />
      {devices.speakers.length > 0 && (
        <DeviceSelect label="Speaker" icon="sound" devices={devices.speakers} chosen={choice.speaker}
          choose={(id) => void inputs.chooseSpeaker(id)} />
      )}
    </Dialog>
  );
}
