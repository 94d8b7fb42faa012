# SPDX-License-Identifier: Apache-2.0
import xfer

result = xfer.run_transfer_experiment("math", "code")
print(result.table())

cell = result.cell("math", "code")
print("Transfer Gain:", cell.accuracy.gain)
print("above the format control:", cell.accuracy.gain_above_control)
print(cell.reading)
result.save("pilot-report")
