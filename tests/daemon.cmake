include(demo.cmake)
