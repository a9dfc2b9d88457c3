"""The embedded broker, rumqttd from the wheel `iotcore`, as a program: its argument is a TOML.

rumqttd cannot be stopped from within its process, so it has one of its own; see `hwsim.broker`.
"""

import sys

from iotcore import IotCoreBroker

if __name__ == "__main__":
    IotCoreBroker(config_path=sys.argv[1]).run_forever()
