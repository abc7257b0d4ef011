/** Weir beside firewalld, docker and iptables-nft on one node: tables as they make them, in the node's namespace. */
import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { BACKENDS, useLab } from './lab-cluster.ts';
import { client, node, pod, service } from './manifests.ts';

/** What firewalld with a strict zone and docker's iptables rules come to; port 9999 is a container's published port. */
const OTHERS = `
table inet firewalld {
  chain nat_PREROUTING {
    type nat hook prerouting priority dstnat + 10; policy accept
    tcp dport 7777 redirect to :8080
  }
  chain nat_POSTROUTING {
    type nat hook postrouting priority srcnat + 10; policy accept
    oifname "outside" masquerade
  }
  chain filter_INPUT {
    type filter hook input priority filter + 10; policy accept
    ct state { established, related } accept
    ct status dnat accept
    iifname "lo" accept
    ct state invalid drop
    meta l4proto { icmp, ipv6-icmp } accept
    reject with icmpx admin-prohibited
  }
  chain filter_FORWARD {
    type filter hook forward priority filter + 10; policy accept
    ct state { established, related } accept
    ct status dnat accept
    ct state invalid drop
    ip saddr 10.244.0.0/16 accept
    ip6 saddr fd44::/16 accept
    reject with icmpx admin-prohibited
  }
}
table ip nat {
  chain DOCKER {
    tcp dport 9999 dnat to 10.244.2.99:8080
  }
  chain PREROUTING {
    type nat hook prerouting priority dstnat; policy accept
    fib daddr type local jump DOCKER
  }
  chain OUTPUT {
    type nat hook output priority -100; policy accept
    ip daddr != 127.0.0.0/8 fib daddr type local jump DOCKER
  }
  chain POSTROUTING {
    type nat hook postrouting priority srcnat; policy accept
    ip saddr 172.17.0.0/16 oifname != "docker0" masquerade
  }
}
table ip filter {
  chain DOCKER-USER {
    return
  }
  chain FORWARD {
    type filter hook forward priority filter; policy drop
    jump DOCKER-USER
    ct state { established, related } accept
    ip saddr 10.244.0.0/16 accept
    ct status dnat accept
  }
}
`;
const TABLES = ['inet firewalld', 'ip nat', 'ip filter'];

describe.each(BACKENDS)('beside others on %s', (servicesBackend) => {
  const published = pod('published', { node: 'two' });
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'two'),
      pod('web-1', { node: 'one', labels: { app: 'web' } }),
      { ...published, status: { phase: 'Running', podIPs: [{ ip: '10.244.2.99' }] } },
      service('web', { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] }),
    ],
    { servicesBackend },
  );
  const foreign = () =>
    Promise.all(TABLES.map((table) => lab.inside('node/two', 'nft', 'list', 'table', ...table.split(' '))));
  const answers = async () =>
    (
      await lab.probe(
        { from: 'default/asker', to: 'svc:default/web' },
        { from: 'node/two', to: 'svc:default/web' },
        { from: 'external', to: 'nodeport:two:30080' },
        { from: 'external', to: 'nodeport:two:9999', family: 4 },
      )
    ).map(({ answeredBy }) => answeredBy);
  const ALL_ANSWER = [...Array(6).fill('default/web-1'), 'default/published'];

  beforeAll(() => {
    execFileSync('nsenter', [`--net=${lab.netns('node/two')}`, 'nft', '-f', '-'], { input: OTHERS });
  });

  it('[H15] serves Services and leaves published ports to docker, whoever came first', async () => {
    expect(await answers()).toEqual(ALL_ANSWER);
    await lab.inside('node/two', 'nft', 'delete', 'table', 'inet', 'weir');
    await expect.poll(answers).toEqual(ALL_ANSWER);
  });

  it('[H15] changes nothing in other tables', async () => {
    const before = await foreign();
    await lab.apply(service('more'), pod('more', { node: 'one' }));
    await lab.remove(service('more'));
    await lab.inside('node/two', 'nft', 'delete', 'table', 'inet', 'weir');
    await expect.poll(answers).toEqual(ALL_ANSWER);
    expect(await foreign()).toEqual(before);
    expect(before.join()).toContain('DOCKER');
  });
});
