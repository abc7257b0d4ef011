/** Where agents find the API server: on the loopback of their own namespace, beside the ports of nodes and pods. */
export const RELAY_HOST = '127.0.0.1';
export const RELAY_PORT = 16443;

/** The host of a URL as it is dialled and as certificates name it: IPv6 without brackets. */
export function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '');
}
