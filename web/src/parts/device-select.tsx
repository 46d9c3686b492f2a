import { useId } from 'react';
import type { Device } from '../devices/list';
import { Icon, type IconName } from './icon';

interface Props {
  label: string;
  icon: IconName;
  devices: Device[];
  chosen: string;
  choose: (id: string) => void;
}

export function DeviceSelect({ label, icon, devices, chosen, choose }: Props) {
  const id = useId();
  // A remembered device that isn't there now: the browser takes its default.
  const value = devices.some((d) => d.id === chosen) ? chosen : (devices[0]?.id ?? '');
  return (
    <div className="device">
      <label htmlFor={id}><Icon name={icon} /><span>{label}</span></label>
      <select id={id} value={value} disabled={devices.length === 0} onChange={(e) => choose(e.target.value)}>
        {devices.length === 0 && <option value="">None available</option>}
        {devices.map((d) => <option key={d.id} value={d.id}>{d.label}</option>)}
      </select>
    </div>
  );
}
