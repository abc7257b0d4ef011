{
  "targets": [
    {
      "target_name": "weir",
      "type": "none",
      "actions": [
        {
          "action_name": "hand over to the CMake build, which has the only list of sources",
          "inputs": ["native/CMakeLists.txt"],
          "outputs": ["native/build/Release/weir.node"],
          "action": ["node", "node_modules/cmake-js/bin/cmake-js", "compile", "--directory", "native"]
        }
      ]
    }
  ]
}
